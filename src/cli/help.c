// SPDX-License-Identifier: MIT
//
// vm-cli help: a page for each topic. Only what this build has is on them.
#include <string.h>

#include "commands.h"
#include "config.h"
#include "nearest.h"
#include "options.h"
#include "trace.h"

#include <vm/libvm/net.h>

static void page_run(struct cli_text *t)
{
    cli_text_add(t, "vm-cli run --kernel FILE [OPTIONS]\n"
                    "\n"
                    "Runs a guest. Its serial port is standard input and output; a terminal there\n"
                    "becomes raw, and Ctrl-A is the escape key (vm-cli help keys).\n"
                    "\n");
    cli_options_describe(t, CLI_RUN, false);
    cli_text_add(t, "\nA value may also follow an equals sign: --memory=2G. The last of several\n"
                    "counts. vm-cli help status explains how a run ends.\n");
}

static void page_info(struct cli_text *t)
{
    cli_text_add(t, "vm-cli info         what this build has, and what the host offers\n"
                    "vm-cli info FILE    what a file is: format, architecture, entry\n");
}

static void page_debug(struct cli_text *t)
{
    cli_text_add(t,
                 "vm-cli debug disassemble [OPTIONS] FILE\n"
                 "vm-cli debug disassemble [OPTIONS] HEX...\n"
                 "\n"
                 "Prints the code of a file: the executable segments of an ELF file, all bytes\n"
                 "of any other, packed or not. Or that of bytes in the order of memory, such as\n"
                 "13050500, and of numbers, such as 0x00050513.\n"
                 "\n");
    cli_options_describe(t, CLI_DISASSEMBLE, false);
    cli_text_add(t,
                 "\n"
                 "vm-cli debug dump-dtb [OPTIONS] [OUT]\n"
                 "\n"
                 "Writes the device tree that the guest would get, as a blob, into a file or to\n"
                 "standard output. No kernel is needed.\n"
                 "\n");
    cli_options_describe(t, CLI_DUMP_DTB, false);
    cli_text_add(t, "\n"
                    "vm-cli debug check-jit [OPTIONS] [blocks|links]\n"
                    "\n"
                    "Runs a guest on the jit and step by step on the interpreter beside it, and\n"
                    "compares registers and memory. A step is a block, or with links what the jit\n"
                    "does in two milliseconds. Standard input goes to the guest's console. Ends\n"
                    "with 1 at the first difference, which is printed.\n"
                    "\n");
    cli_options_describe(t, CLI_CHECK_JIT, false);
}

static void page_disk(struct cli_text *t)
{
    cli_text_add(t,
                 "vm-cli disk create [OPTIONS] FILE [SIZE]   a new image; SIZE such as 20G, or as\n"
                 "                                           large as what it is based on\n"
                 "vm-cli disk info [OPTIONS] FILE            what an image is\n"
                 "vm-cli disk check [OPTIONS] FILE           whether a qcow2 image is consistent\n"
                 "vm-cli disk convert [OPTIONS] FROM TO      a copy as a new image\n"
                 "\n"
                 "Files that are there are not overwritten. An image that a machine uses is\n"
                 "refused. check ends with status 3 if it finds corruption; leaked clusters only\n"
                 "take room.\n"
                 "\n");
    cli_disk_describe(t);
}

static void page_bench(struct cli_text *t)
{
    cli_text_add(t, "vm-cli bench [OPTIONS] [WORKLOAD...]\n"
                    "\n"
                    "Runs small programs that are built in on each engine, or on the one that\n"
                    "--engine names, and prints how many millions of instructions per second it\n"
                    "executes: the fastest of three runs of a tenth of a second, translation\n"
                    "included. Each result is compared with what it has to be; a wrong one is\n"
                    "exit status 1. The workloads:\n"
                    "\n");
    cli_bench_describe(t);
    cli_text_add(t, "\n");
    cli_options_describe(t, CLI_BENCH, false);
}

static void page_devices(struct cli_text *t)
{
    cli_text_add(t,
                 "--virtio-blk FILE[,OPTION...] is a disk, and FILE its image. A comma in the\n"
                 "file's name is written twice. OPTION is\n"
                 "\n"
                 "  format=raw|qcow2  what the file is (default: as it begins)\n"
                 "  readonly          the guest cannot write\n"
                 "  snapshot          what the guest writes is gone in the end; the file is only\n"
                 "                    read\n"
                 "  serial=TEXT       the disk's serial number, up to 20 characters\n"
                 "  queues=N          1 to 16 (default: one per vCPU, up to 16)\n"
                 "\n");
    if (vm_net_built(VM_NET_USER))
        cli_text_add(
            t, "--virtio-net user[,hostfwd=...]... is a network behind this program, which\n"
               "needs no rights. The guest gets 10.0.2.15 by DHCP; at 10.0.2.2 it finds the\n"
               "host, at 10.0.2.3 the host's DNS. hostfwd=tcp:[ADDR]:PORT-:GUESTPORT, or udp,\n"
               "passes on what comes to the host's PORT.\n"
               "\n");
    if (vm_net_built(VM_NET_TAP))
        cli_text_add(t, "--virtio-net tap=NAME is an interface of the host, made if it is not "
                        "there.\n\n");
    cli_text_add(t,
                 "--virtio-console adds a console, hvc0 and so on in Linux, at the terminal\n"
                 "(stdio), a new pseudoterminal whose name is printed (pty), a Unix socket made\n"
                 "for it (unix:PATH), or a file for its output (file:PATH). With stdio the lines\n"
                 "of the serial port go to standard error.\n"
                 "\n"
                 "--share DIR:TAG[:ro] is a directory of the host. Linux mounts it with\n"
                 "\n"
                 "  mount -t 9p -o trans=virtio,version=9p2000.L TAG /mnt\n"
                 "\n"
                 "What the guest writes belongs to this program's user. With ro it cannot write.\n"
                 "\n"
                 "--virtio-vsock CID[,path=PATH] gives the guest a CID, 3 or more. At the host,\n"
                 "connect to PATH (default: vsock-CID.sock) and send \"CONNECT port\" and a line\n"
                 "feed to reach the guest's port; the guest reaches port P of the host at the\n"
                 "socket PATH_P.\n"
                 "\n"
                 "--virtio-rng and --virtio-balloon take no value. --transport mmio puts all\n"
                 "devices into virtio-mmio slots, of which there are eight.\n");
}

static void page_config(struct cli_text *t)
{
    if (!cli_has_json()) {
        cli_text_add(t, "This build has no JSON, and with it no --config.\n");
        return;
    }
    cli_text_add(t, "A configuration file is a JSON object. Its keys are names of options, its\n"
                    "values the same texts as on the command line, or numbers; an array for an\n"
                    "option that may be repeated, true or false for one that takes no value:\n"
                    "\n"
                    "  {\n"
                    "    \"kernel\": \"build/guests/riscv64/kernel\",\n"
                    "    \"initrd\": \"build/guests/riscv64/initrd\",\n"
                    "    \"smp\": 2,\n"
                    "    \"memory\": \"512M\",\n"
                    "    \"virtio-blk\": [\"root.qcow2\", \"data.img,readonly\"],\n"
                    "    \"virtio-rng\": true\n"
                    "  }\n"
                    "\n"
                    "Paths count from the current directory. The command line\n"
                    "overrides the file. The keys:\n"
                    "\n");
    cli_options_describe(t, CLI_RUN, true);
}

static void page_trace(struct cli_text *t)
{
    cli_text_add(t,
                 "--trace TOPIC,...[:FILE] prints a line for each event of these topics. A topic\n"
                 "that is off costs nothing.\n"
                 "\n");
    cli_trace_describe(t);
}

static void page_keys(struct cli_text *t)
{
    cli_text_add(t,
                 "When standard input is a terminal, every key goes to the guest, Ctrl-C too:\n"
                 "\n"
                 "  Ctrl-A p       presses the machine's power key, if it has one: the guest\n"
                 "                 may power off (arm64)\n"
                 "  Ctrl-A x       quits: the machine ends at once, with exit status 0\n"
                 "  Ctrl-A h       lists these keys\n"
                 "  Ctrl-A Ctrl-A  sends Ctrl-A to the guest\n"
                 "\n"
                 "A pipe or a file has no escape key. Its bytes wait until the guest takes them;\n"
                 "its end does not stop the machine.\n");
}

static void page_status(struct cli_text *t)
{
    enum { COLUMN = 9 };
    static const char *const rows[][2] = {
        {"  0", "the guest powered off, or Ctrl-A x"},
        {"  N", "the guest powered off with code N (255 for more; 1 for a failure without a code)"},
        {"  2", "wrong usage: an option, a value, a configuration file's key"},
        {"  3", "a file: missing, unreadable, damaged, for another architecture"},
        {"  4", "the host: memory, threads, output that cannot be written"},
        {"  5", "the guest crashed beyond continuing; its registers are printed"},
        {"  124", "the time of --timeout was over"},
        {"  128+N", "signal N: 129 SIGHUP, 130 SIGINT, 131 SIGQUIT, 143 SIGTERM"},
    };
    cli_text_add(t, "The exit status of vm-cli run:\n\n");
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++)
        cli_text_add_row(t, rows[i][0], COLUMN, rows[i][1]);
    cli_text_add(t,
                 "\nA guest's own code may be one of the others; the line on standard error and\n"
                 "--stats tell them apart.\n");
}

static void page_help(struct cli_text *t);

static const struct page {
    const char *name, *summary;
    void (*write)(struct cli_text *t);
} pages[] = {
    {"run", "run a guest", page_run},
    {"info", "what a file is; what this build and this host have", page_info},
    {"debug", "disassemble code, write out a device tree, check the jit", page_debug},
    {"disk", "make, describe, check and convert disk images", page_disk},
    {"bench", "the engines side by side", page_bench},
    {"devices", "disks, networks and consoles", page_devices},
    {"config", "configuration files and their keys", page_config},
    {"trace", "the topics of --trace", page_trace},
    {"keys", "the escape key of the console", page_keys},
    {"status", "the exit statuses", page_status},
    {"help", "this page", page_help},
};

static void page_help(struct cli_text *t)
{
    enum { COLUMN = 12 };
    cli_text_add(t, "vm-cli run --kernel FILE [OPTIONS]    runs a guest\n"
                    "vm-cli info [FILE]                    says what a file is, or what is here\n"
                    "vm-cli debug disassemble|dump-dtb|check-jit  look inside\n"
                    "vm-cli disk create|info|check|convert\n"
                    "                                      works on disk images\n"
                    "vm-cli bench [WORKLOAD...]            compares the engines' speed\n"
                    "vm-cli help [TOPIC]                   explains\n"
                    "\n"
                    "Topics:\n");
    for (size_t i = 0; i < VM_ARRAY_SIZE(pages); i++) {
        cli_text_add(t, "  ");
        cli_text_add_row(t, pages[i].name, COLUMN - 2, pages[i].summary);
    }
}

int cli_help_page(const char *topic)
{
    const char *names[VM_ARRAY_SIZE(pages) + 1] = {0};
    struct cli_text t = {0};
    for (size_t i = 0; i < VM_ARRAY_SIZE(pages); i++) {
        names[i] = pages[i].name;
        if (strcmp(pages[i].name, topic) == 0) {
            pages[i].write(&t);
            return cli_print(&t, "the help");
        }
    }
    return cli_refuse("topic", topic, names, "vm-cli help lists them");
}

int cli_help(char **argv)
{
    if (argv[0] && argv[1]) {
        struct vm_error e;
        vm_error_set(&e, VM_ERR_USAGE, "help takes one topic; \"%.100s\" is too much", argv[1]);
        return cli_fail(&e);
    }
    return cli_help_page(argv[0] && !cli_is_help(argv[0]) ? argv[0] : "help");
}
