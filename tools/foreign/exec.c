// SPDX-License-Identifier: MIT
//
// Lets programs of another architecture start each other under qemu-user on a host that has no
// binfmt_misc handler for them. It is preloaded into each of them; every call that starts a program
// becomes one that starts FOREIGN_QEMU with that program, and with this library preloaded again.
// What "#!" asks for is done here, since the host's kernel would start the interpreter itself.
// Calls: execve(2), exec(3), posix_spawn(3), system(3); popen(3) is not covered.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    HEAD = 256, // of a file: what the kernel reads of it to find its interpreter
    DEPTH = 4,  // of scripts whose interpreter is a script
    SCRIPT = 3, // arguments that one script adds: its interpreter, its argument, itself
    PREFIX = 6, // arguments of qemu-user before the program's own
};

typedef int execve_call(const char *, char *const *, char *const *);
typedef int spawn_call(pid_t *, const char *, const posix_spawn_file_actions_t *,
                       const posix_spawnattr_t *, char *const *, char *const *);

struct plan {
    char head[DEPTH][HEAD + 1];
    char **argv; // of qemu-user; owned
};

static size_t count(char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

static bool read_head(const char *path, char *head)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, head, HEAD);
    close(fd);
    head[n < 0 ? 0 : n] = 0;
    return n >= 0;
}

// Splits "#!interpreter argument" in place; NULL if there is no interpreter.
static char *split_script(char *head, char **argument)
{
    head[strcspn(head, "\n")] = 0;
    char *interpreter = head + 2 + strspn(head + 2, " \t");
    char *end = interpreter + strcspn(interpreter, " \t");
    *argument = NULL;
    if (*end) {
        *end++ = 0;
        end += strspn(end, " \t");
        for (char *last = end + strlen(end); last > end && strchr(" \t", last[-1]);)
            *--last = 0;
        *argument = *end ? end : NULL;
    }
    return *interpreter ? interpreter : NULL;
}

// The command line of qemu-user that does what execve(path, argv) asks for; an errno.
static int make_plan(struct plan *p, const char *path, char *const *argv)
{
    size_t n = count(argv), at = PREFIX + DEPTH * SCRIPT;
    p->argv = malloc((at + n + 1) * sizeof *p->argv);
    if (!p->argv)
        return ENOMEM;
    char **all = p->argv, *program = (char *)path, *name = n ? argv[0] : program;
    for (size_t i = 1; i < n; i++)
        all[at + i - 1] = argv[i];
    all[at + (n ? n - 1 : 0)] = NULL;
    for (unsigned depth = 0;; depth++) {
        char *argument, *head = p->head[depth];
        if (access(program, X_OK) || !read_head(program, head))
            return errno;
        if (strncmp(head, "#!", 2) != 0)
            break;
        if (depth == DEPTH - 1)
            return ELOOP;
        all[--at] = program;
        program = split_script(head, &argument);
        if (!program)
            return ENOEXEC;
        if (argument)
            all[--at] = argument;
        name = program;
    }
    if (memcmp(p->head[0], "#!", 2) != 0 && strncmp(p->head[0], "\177ELF", 4) != 0)
        return ENOEXEC;
    char *const prefix[PREFIX] = {FOREIGN_QEMU, "-E", "LD_PRELOAD=" FOREIGN_LIBRARY,
                                  "-0",         name, program};
    at -= PREFIX;
    memcpy(all + at, prefix, sizeof prefix);
    memmove(all, all + at, (count(all + at) + 1) * sizeof *all);
    return 0;
}

static int start(const char *path, char *const *argv, char *const *envp)
{
    struct plan p;
    int fault = make_plan(&p, path, argv);
    if (fault == 0) {
        ((execve_call *)dlsym(RTLD_NEXT, "execve"))(FOREIGN_QEMU, p.argv, envp);
        fault = errno;
    }
    free(p.argv);
    errno = fault;
    return -1;
}

// Puts the file that PATH has for a name into path; an errno.
static int find(const char *name, char path[PATH_MAX])
{
    const char *list = getenv("PATH");
    int fault = ENOENT;
    if (strchr(name, '/') || !*name)
        return strlen(name) < PATH_MAX ? (strcpy(path, name), *name ? 0 : ENOENT) : ENAMETOOLONG;
    for (const char *at = list ? list : "/bin:/usr/bin"; at; at = strchr(at, ':')) {
        at += *at == ':';
        size_t n = strcspn(at, ":");
        if (n + strlen(name) + 2 > PATH_MAX)
            continue;
        memcpy(path, at, n);
        strcpy(path + n, n ? "/" : "");
        strcat(path, name);
        if (access(path, X_OK) == 0)
            return 0;
        fault = errno == EACCES ? EACCES : fault;
    }
    return fault;
}

static int start_found(const char *name, char *const *argv, char *const *envp)
{
    char path[PATH_MAX];
    int fault = find(name, path);
    if (fault) {
        errno = fault;
        return -1;
    }
    start(path, argv, envp);
    if (errno != ENOEXEC)
        return -1;
    // exec(3): a file that is neither a program nor a script is one of the shell's.
    size_t n = count(argv);
    char **shell = malloc((n + 3) * sizeof *shell);
    if (!shell)
        return -1;
    shell[0] = "sh";
    shell[1] = path;
    for (size_t i = 1; i <= n; i++)
        shell[i + 1] = argv[i];
    shell[n ? n + 1 : 2] = NULL;
    start("/bin/sh", shell, envp);
    free(shell);
    return -1;
}

// --- the C library's calls ---

extern char **environ;

int execve(const char *path, char *const argv[], char *const envp[])
{
    return start(path, argv, envp);
}

int execv(const char *path, char *const argv[])
{
    return start(path, argv, environ);
}

int execvp(const char *file, char *const argv[])
{
    return start_found(file, argv, environ);
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
    return start_found(file, argv, envp);
}

// The arguments of a call with a list of them, up to its NULL; the environment after it if asked.
static char **gather(const char *first, va_list list, char ***envp)
{
    va_list again;
    va_copy(again, list);
    size_t n = 1;
    while (va_arg(again, char *))
        n++;
    va_end(again);
    char **argv = malloc((n + 1) * sizeof *argv);
    if (!argv)
        return NULL;
    argv[0] = (char *)first;
    for (size_t i = 1; i <= n; i++)
        argv[i] = va_arg(list, char *);
    if (envp)
        *envp = va_arg(list, char **);
    return argv;
}

int execl(const char *path, const char *argument, ...)
{
    va_list list;
    va_start(list, argument);
    char **argv = gather(argument, list, NULL);
    va_end(list);
    if (argv)
        start(path, argv, environ);
    free(argv);
    return -1;
}

int execlp(const char *file, const char *argument, ...)
{
    va_list list;
    va_start(list, argument);
    char **argv = gather(argument, list, NULL);
    va_end(list);
    if (argv)
        start_found(file, argv, environ);
    free(argv);
    return -1;
}

int execle(const char *path, const char *argument, ...)
{
    char **envp;
    va_list list;
    va_start(list, argument);
    char **argv = gather(argument, list, &envp);
    va_end(list);
    if (argv)
        start(path, argv, envp);
    free(argv);
    return -1;
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct plan p;
    int fault = make_plan(&p, path, argv);
    if (fault == 0)
        fault = ((spawn_call *)dlsym(RTLD_NEXT, "posix_spawn"))(pid, FOREIGN_QEMU, actions,
                                                                attributes, p.argv, envp);
    free(p.argv);
    return fault;
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    char path[PATH_MAX];
    int fault = find(file, path);
    return fault ? fault : posix_spawn(pid, path, actions, attributes, argv, envp);
}

int system(const char *command)
{
    char *argv[] = {"sh", "-c", (char *)command, NULL};
    int status = -1;
    pid_t pid;
    if (!command)
        return 1;
    sighandler_t interrupt = signal(SIGINT, SIG_IGN), quit = signal(SIGQUIT, SIG_IGN);
    int fault = posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ);
    while (fault == 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    signal(SIGINT, interrupt);
    signal(SIGQUIT, quit);
    return fault ? 127 << 8 : status;
}
