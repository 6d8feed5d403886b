// SPDX-License-Identifier: GPL-2.0
/*
 * iptables extension: -j COOKIEBOX --service NAME
 *
 * Owns the command-line form of the target, for both families and both back
 * ends.  The kernel checks hook, protocol and the service's existence; what
 * can be said better before that is said here.
 */
#include <stdio.h>
#include <string.h>
#include <xtables.h>
#include <linux/netfilter/xt_COOKIEBOX.h>

enum { O_SERVICE };

static const struct xt_option_entry cookiebox_opts[] = {
	{
		.name = "service",
		.id = O_SERVICE,
		.type = XTTYPE_STRING,
		.flags = XTOPT_MAND | XTOPT_PUT,
		.min = 1,
		XTOPT_POINTER(struct xt_cookiebox_tginfo, service),
	},
	XTOPT_TABLEEND,
};

static void cookiebox_help(void)
{
	printf("COOKIEBOX target options (table raw, chain PREROUTING, -p tcp):\n"
	       "  --service NAME\tservice that judges the packet; must exist (see cookiebox(8))\n");
}

/* The names that `cookiebox service add` takes. */
static void cookiebox_parse(struct xt_option_call *cb)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (strlen(cb->arg) >= XT_COOKIEBOX_NAME_LEN)	/* libxtables would cut it off */
		xtables_error(PARAMETER_PROBLEM,
			      "COOKIEBOX: --service: a name has at most %u characters",
			      XT_COOKIEBOX_NAME_LEN - 1);
	xtables_option_parse(cb);
	if (strspn(cb->arg, chars) != strlen(cb->arg))
		xtables_error(PARAMETER_PROBLEM,
			      "COOKIEBOX: --service: a name has letters, digits, '.', '_' and '-' only");
}

static void cookiebox_print(const void *ip, const struct xt_entry_target *target, int numeric)
{
	const struct xt_cookiebox_tginfo *info = (const void *)target->data;

	(void)ip;
	(void)numeric;
	printf(" COOKIEBOX service %.*s", XT_COOKIEBOX_NAME_LEN, info->service);
}

static void cookiebox_save(const void *ip, const struct xt_entry_target *target)
{
	const struct xt_cookiebox_tginfo *info = (const void *)target->data;
	char name[XT_COOKIEBOX_NAME_LEN + 1] = "";

	(void)ip;
	memcpy(name, info->service, XT_COOKIEBOX_NAME_LEN);
	printf(" --service");
	xtables_save_string(name);
}

/* nft has no such statement, so the rule cannot be translated: 0 makes iptables-translate
 * keep it as a comment.  The line before it says what to write instead.  For `nft list`,
 * which asks the same, there is nothing to say.
 */
static int cookiebox_xlate(struct xt_xlate *xl, const struct xt_xlate_tg_params *params)
{
	const struct xt_cookiebox_tginfo *info = (const void *)params->target->data;

	(void)xl;
	if (strstr(xt_params->program_name, "translate"))
		printf("# nft has no COOKIEBOX: run \"cookiebox service set %.*s mark M\", and write "
		       "\"meta mark set M\" in this rule\n", XT_COOKIEBOX_NAME_LEN, info->service);
	return 0;
}

#define TARGET(nfproto) {						\
	.version	= XTABLES_VERSION,				\
	.name		= "COOKIEBOX",					\
	.revision	= 0,						\
	.family		= (nfproto),					\
	.size		= XT_ALIGN(sizeof(struct xt_cookiebox_tginfo)),	\
	.userspacesize	= offsetof(struct xt_cookiebox_tginfo, anchor),	\
	.help		= cookiebox_help,				\
	.print		= cookiebox_print,				\
	.save		= cookiebox_save,				\
	.xlate		= cookiebox_xlate,				\
	.x6_options	= cookiebox_opts,				\
	.x6_parse	= cookiebox_parse,				\
}

/* Not for ebtables and arptables, which look for extensions in the same place. */
static struct xtables_target cookiebox_targets[] = {
	TARGET(NFPROTO_IPV4),
	TARGET(NFPROTO_IPV6),
};

/* Called by the loader: xtables looks for extensions by file name. */
static void __attribute__((constructor)) cookiebox_register(void)
{
	xtables_register_targets(cookiebox_targets,
				 sizeof(cookiebox_targets) / sizeof(cookiebox_targets[0]));
}
