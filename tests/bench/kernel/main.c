// SPDX-License-Identifier: GPL-2.0
/*
 * cbbench: what a segment costs the stack and whoever has hooked into it.
 *
 * /proc/cbbench takes one line, "KIND FAMILY PORT ROUNDS WARM-UP", and gives the
 * result of that measurement back when read, as JSON.  tests/bench/guest.sh
 * configures the device's addresses and the peers.  One user at a time.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>
#include "bench.h"

struct bench bench;

static DEFINE_MUTEX(lock);
static char text[512];			/* protected by lock */

static void report(const struct result *res)
{
	int family = bench.family == AF_INET6 ? 6 : 4;
	int n;

	n = scnprintf(text, sizeof(text),
		      "{\"row\": \"%s\", \"family\": %d, \"port\": %u, \"batch\": %u, ",
		      res->kind, family, bench.port, BATCH);
	n += scnprintf(text + n, sizeof(text) - n,
		       "\"segments\": %llu, \"ns\": %llu, \"cycles\": %llu, \"best\": %llu, ",
		       res->segments, res->ns, res->cycles, res->best);
	n += scnprintf(text + n, sizeof(text) - n,
		       "\"median\": %llu, \"answers\": %llu, \"synacks\": %llu, \"resets\": %llu, ",
		       res->median, res->answers, res->synacks, res->resets);
	scnprintf(text + n, sizeof(text) - n, "\"forwarded\": %llu, \"accepted\": %llu}\n",
		  res->forwarded, res->accepted);
}

static int obey(const char *line)
{
	unsigned int family, port, rounds, warm_up;
	struct result res;
	char kind[16];
	int err;

	if (sscanf(line, "%15s %u %u %u %u", kind, &family, &port, &rounds, &warm_up) != 5 ||
	    (family != 4 && family != 6) || port > U16_MAX || !rounds)
		return -EINVAL;
	bench.family = family == 6 ? AF_INET6 : AF_INET;
	bench.port = port;
	text[0] = 0;
	err = round_run(kind, rounds, warm_up, &res);
	if (!err)
		report(&res);
	return err;
}

static ssize_t bench_write(struct file *file, const char __user *from, size_t count, loff_t *pos)
{
	char line[64] = "";
	int err;

	if (count >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, from, count))
		return -EFAULT;
	mutex_lock(&lock);
	err = obey(line);
	mutex_unlock(&lock);
	return err ?: count;
}

static ssize_t bench_read(struct file *file, char __user *to, size_t count, loff_t *pos)
{
	ssize_t n;

	mutex_lock(&lock);
	n = simple_read_from_buffer(to, count, pos, text, strlen(text));
	mutex_unlock(&lock);
	return n;
}

static const struct proc_ops ops = {
	.proc_read = bench_read,
	.proc_write = bench_write,
	.proc_lseek = default_llseek,
};

static int __init bench_init(void)
{
	int err = bench_devices_add();

	if (err)
		return err;
	if (!proc_create("cbbench", 0600, NULL, &ops)) {
		bench_devices_remove();
		return -ENOMEM;
	}
	return 0;
}

static void __exit bench_exit(void)
{
	remove_proc_entry("cbbench", NULL);
	bench_devices_remove();
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("closed loop that measures what segments cost");
MODULE_LICENSE("GPL");
