// SPDX-License-Identifier: MIT
//
// printf-style formatting into a bounded buffer, integer conversions only. Holds no state.
#include <vm/base/format.h>

struct sink {
    char *out;
    size_t size;
    size_t length; // what the whole text would need
};

struct spec {
    bool left, zero, plus, alternate;
    int width;
    int precision; // -1: none given
};

static void put(struct sink *s, char c)
{
    if (s->length + 1 < s->size)
        s->out[s->length] = c;
    s->length++;
}

static void pad(struct sink *s, char c, int n)
{
    while (n-- > 0)
        put(s, c);
}

static void put_text(struct sink *s, const struct spec *f, const char *text)
{
    int n = 0;
    while ((f->precision < 0 || n < f->precision) && text[n])
        n++;
    if (!f->left)
        pad(s, ' ', f->width - n);
    for (int i = 0; i < n; i++)
        put(s, text[i]);
    if (f->left)
        pad(s, ' ', f->width - n);
}

static void put_number(struct sink *s, const struct spec *f, uint64_t value, bool negative,
                       unsigned base, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char buf[24];
    int n = 0;
    bool prefix = f->alternate && base == 16 && value != 0;
    for (uint64_t v = value; v != 0; v /= base)
        buf[n++] = digits[v % base];
    if (n == 0 && f->precision != 0)
        buf[n++] = '0';
    char sign = negative ? '-' : f->plus ? '+' : 0;
    int lead = (sign != 0) + (prefix ? 2 : 0);
    int zeros = f->precision > n ? f->precision - n : 0;
    if (f->zero && !f->left && f->precision < 0 && f->width > n + lead)
        zeros = f->width - n - lead;
    int blanks = f->width - n - lead - zeros;
    if (!f->left)
        pad(s, ' ', blanks);
    if (sign)
        put(s, sign);
    if (prefix) {
        put(s, '0');
        put(s, upper ? 'X' : 'x');
    }
    pad(s, '0', zeros);
    while (n > 0)
        put(s, buf[--n]);
    if (f->left)
        pad(s, ' ', blanks);
}

static const char *parse_count(const char *p, int *count, va_list *args)
{
    if (*p == '*') {
        *count = va_arg(*args, int);
        return p + 1;
    }
    *count = 0;
    while (*p >= '0' && *p <= '9' && *count < 100000)
        *count = *count * 10 + (*p++ - '0');
    return p;
}

static const char *parse_spec(const char *p, struct spec *f, va_list *args)
{
    *f = (struct spec){.precision = -1};
    for (;; p++) {
        if (*p == '-')
            f->left = true;
        else if (*p == '0')
            f->zero = true;
        else if (*p == '+')
            f->plus = true;
        else if (*p == '#')
            f->alternate = true;
        else if (*p != ' ')
            break;
    }
    p = parse_count(p, &f->width, args);
    if (f->width < 0) {
        f->left = true;
        f->width = -f->width;
    }
    if (*p == '.')
        p = parse_count(p + 1, &f->precision, args);
    return p;
}

// Skips the length letters and says how many bytes the argument has (sizeof(int) at least).
static const char *parse_length(const char *p, size_t *bytes)
{
    *bytes = sizeof(int);
    for (;; p++) {
        if (*p == 'l')
            *bytes = *bytes == sizeof(int) && p[1] != 'l' ? sizeof(long) : sizeof(long long);
        else if (*p == 'z' || *p == 't' || *p == 'j')
            *bytes = sizeof(uint64_t);
        else if (*p != 'h')
            return p;
    }
}

static void put_integer(struct sink *s, const struct spec *f, char conversion, size_t bytes,
                        va_list *args)
{
    uint64_t raw = bytes > sizeof(int) ? va_arg(*args, uint64_t) : va_arg(*args, unsigned);
    if (conversion == 'd' || conversion == 'i') {
        int64_t v = bytes > sizeof(int) ? (int64_t)raw : (int64_t)(int32_t)raw;
        put_number(s, f, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0, 10, false);
        return;
    }
    struct spec plain = *f;
    plain.plus = false;
    unsigned base = conversion == 'u' ? 10 : conversion == 'o' ? 8 : 16;
    put_number(s, &plain, raw, false, base, conversion == 'X');
}

static const char *convert(struct sink *s, const char *p, va_list *args)
{
    struct spec f;
    size_t bytes;
    p = parse_spec(p, &f, args);
    p = parse_length(p, &bytes);
    switch (*p) {
    case 'd':
    case 'i':
    case 'u':
    case 'x':
    case 'X':
    case 'o': put_integer(s, &f, *p, bytes, args); break;
    case 'p':
        f.alternate = true;
        put_number(s, &f, (uint64_t)(uintptr_t)va_arg(*args, void *), false, 16, false);
        break;
    case 'c': put(s, (char)va_arg(*args, int)); break;
    case 's': {
        const char *text = va_arg(*args, const char *);
        put_text(s, &f, text ? text : "(null)");
        break;
    }
    case 0: return p;
    default: put(s, *p); break;
    }
    return p + 1;
}

size_t vm_vformat(char *out, size_t size, const char *fmt, va_list args)
{
    struct sink s = {out, size, 0};
    va_list ap;
    va_copy(ap, args);
    while (*fmt) {
        if (*fmt != '%')
            put(&s, *fmt++);
        else
            fmt = convert(&s, fmt + 1, &ap);
    }
    va_end(ap);
    if (size > 0)
        out[s.length < size ? s.length : size - 1] = 0;
    return s.length;
}

size_t vm_format(char *out, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t n = vm_vformat(out, size, fmt, args);
    va_end(args);
    return n;
}
