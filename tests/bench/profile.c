// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin of QEMU that counts how often every instruction of the guest's kernel
 * ran while cbbench.ko was measuring, so that tests/bench/run --profile can say
 * which function spent what.  The guest does not notice and its figures stay.
 *
 * cbbench.ko marks begin, end and the end of a run by no-ops that nobody else has
 * (kernel/round.c).  At the end of a run the counts are appended to the file named
 * by out=: a line "run N" and lines "ADDRESS COUNT", both of measured batches.
 *
 * Declares what it uses of QEMU's plugin interface, version 1: Debian does not
 * package its header.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;

#define INLINE_ADD_U64	0
#define NO_REGS		0
#define EXPORT		__attribute__((visibility("default")))

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t n);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *at,
						uint64_t add);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*call)(unsigned int cpu, void *data), int flags,
					    void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*call)(uint64_t id, struct qemu_plugin_tb *tb));

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

/* Of the instructions of one translation; the same address may be in several. */
struct counts {
	struct counts *next;
	size_t n;
	struct {
		uint64_t address;
		uint64_t now;		/* added to by the guest */
		uint64_t sum;		/* of the measured batches */
	} insn[];
};

static struct counts *all;
static FILE *out;
static unsigned int batches, runs;

static void each(void (*call)(struct counts *c, size_t i))
{
	for (struct counts *c = all; c; c = c->next)
		for (size_t i = 0; i < c->n; i++)
			call(c, i);
}

static void forget(struct counts *c, size_t i)
{
	c->insn[i].now = 0;
}

static void add(struct counts *c, size_t i)
{
	c->insn[i].sum += c->insn[i].now;
}

static void tell(struct counts *c, size_t i)
{
	if (c->insn[i].sum)
		fprintf(out, "%" PRIx64 " %" PRIu64 "\n", c->insn[i].address, c->insn[i].sum);
	c->insn[i].sum = 0;
}

static void at_begin(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	each(forget);
}

static void at_end(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	each(add);
	batches++;
}

static void at_run(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	fprintf(out, "run %u %u\n", ++runs, batches);
	each(tell);
	fflush(out);
	batches = 0;
}

static void (*marked(const struct qemu_plugin_insn *insn))(unsigned int, void *)
{
	static const uint8_t nop[] = { 0x0f, 0x1f, 0x80 }, magic[] = { 0xbe, 0xcb, 0x0c };
	const uint8_t *code = qemu_plugin_insn_data(insn);

	if (qemu_plugin_insn_size(insn) != 7 || memcmp(code, nop, 3) || memcmp(code + 4, magic, 3))
		return NULL;
	return code[3] == 1 ? at_begin : code[3] == 2 ? at_end : code[3] == 3 ? at_run : NULL;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct counts *c;

	(void)id;
	if (!n || !(qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0)) >> 63))
		return;
	c = calloc(1, sizeof(*c) + n * sizeof(c->insn[0]));
	if (!c)
		abort();
	c->n = n;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		void (*mark)(unsigned int, void *) = marked(insn);

		c->insn[i].address = qemu_plugin_insn_vaddr(insn);
		if (mark)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, NO_REGS, NULL);
		else
			qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64,
								   &c->insn[i].now, 1);
	}
	c->next = all;
	all = c;
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc == 1 && !strncmp(argv[0], "out=", 4))
		out = fopen(argv[0] + 4, "w");
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
