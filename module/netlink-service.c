// SPDX-License-Identifier: GPL-2.0
/*
 * Changes of services over netlink: add, set, del.
 *
 * Owns nothing.  Attributes have passed the generated policies when they come
 * here (types, lengths, enum ranges); what a policy cannot say is checked
 * here, and what only the other services can say in stage.c.
 *
 * Process context under the genetlink lock.
 */
#include <linux/netlink.h>
#include <linux/slab.h>
#include "mode.h"
#include "net.h"
#include "netlink.h"

/* Parsing is over one request; allow is scratch for spec.allow. */
struct request {
	struct nlattr **attrs;
	struct netlink_ext_ack *extack;
	struct net *net;
	struct cb_service_spec spec;
	struct cb_prefix allow[CB_ALLOW_MAX];
};

static int refuse(struct netlink_ext_ack *extack, const struct nlattr *attr, const char *why)
{
	if (extack) {
		extack->_msg = why;
		extack->bad_attr = attr;
	}
	return -EINVAL;
}

static int check_prefix(const struct nlattr *attr, const struct cb_prefix *p, u8 len,
			struct netlink_ext_ack *extack)
{
	struct cb_addr masked = cb_prefix_mask(&p->addr, len);

	if (p->family == AF_INET && len > 32)
		return refuse(extack, attr, "the prefix length of an IPv4 address is 0 to 32");
	if (masked.q[0] != p->addr.q[0] || masked.q[1] != p->addr.q[1])
		return refuse(extack, attr, "the address has bits set beyond its prefix length");
	return 0;
}

/* An empty nest is any address of both families: family 0. */
int cb_netlink_parse_prefix(const struct nlattr *attr, struct cb_prefix *p,
			    struct netlink_ext_ack *extack)
{
	struct nlattr *tb[COOKIEBOX_A_PREFIX_MAX + 1];
	int err;

	memset(p, 0, sizeof(*p));
	err = nla_parse_nested(tb, COOKIEBOX_A_PREFIX_LEN, attr, cookiebox_prefix_nl_policy,
			       extack);
	if (err)
		return err;
	if (tb[COOKIEBOX_A_PREFIX_ADDR4] && tb[COOKIEBOX_A_PREFIX_ADDR6])
		return refuse(extack, attr, "an address is either IPv4 or IPv6, not both");
	if (tb[COOKIEBOX_A_PREFIX_ADDR4]) {
		p->family = AF_INET;
		p->len = 32;
		p->addr.a[0] = nla_get_in_addr(tb[COOKIEBOX_A_PREFIX_ADDR4]);
	} else if (tb[COOKIEBOX_A_PREFIX_ADDR6]) {
		p->family = AF_INET6;
		p->len = 128;
		p->addr.in6 = nla_get_in6_addr(tb[COOKIEBOX_A_PREFIX_ADDR6]);
	} else if (tb[COOKIEBOX_A_PREFIX_LEN]) {
		return refuse(extack, tb[COOKIEBOX_A_PREFIX_LEN],
			      "a prefix length needs an address");
	}
	if (tb[COOKIEBOX_A_PREFIX_LEN])
		p->len = nla_get_u8(tb[COOKIEBOX_A_PREFIX_LEN]);
	return check_prefix(attr, p, p->len, extack);
}

static bool name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || (!first && (c == '.' || c == '-'));
}

static int parse_name(struct nlattr *attr, char name[CB_NAME_LEN],
		      struct netlink_ext_ack *extack)
{
	unsigned int i;

	if (!attr) {
		NL_SET_ERR_MSG(extack, "a service name is missing");
		return -EINVAL;
	}
	nla_strscpy(name, attr, CB_NAME_LEN);
	for (i = 0; name[i]; i++)
		if (!name_char(name[i], !i))
			break;
	if (!i || name[i])
		return refuse(extack, attr,
			      "a service name is 1 to 31 of A-Z a-z 0-9 . _ - and begins with none of . -");
	return 0;
}

static int parse_ports(struct request *r)
{
	struct nlattr *min = r->attrs[COOKIEBOX_A_SERVICE_PORT_MIN];
	struct nlattr *max = r->attrs[COOKIEBOX_A_SERVICE_PORT_MAX];

	if (!min)
		return max ? refuse(r->extack, max, "the end of a port range needs its begin") : 0;
	r->spec.port_min = nla_get_u16(min);
	r->spec.port_max = max ? nla_get_u16(max) : r->spec.port_min;
	if (max && !r->spec.port_min && !r->spec.port_max)
		return 0;			/* every port */
	if (!r->spec.port_min)
		return refuse(r->extack, min, "port must be 1 to 65535");
	if (!r->spec.port_max)
		return refuse(r->extack, max, "port must be 1 to 65535");
	if (r->spec.port_max < r->spec.port_min)
		return refuse(r->extack, max, "the port range ends before it begins");
	return 0;
}

static int parse_mark(struct request *r)
{
	struct nlattr *mark = r->attrs[COOKIEBOX_A_SERVICE_MARK];
	struct nlattr *mask = r->attrs[COOKIEBOX_A_SERVICE_MARK_MASK];

	if (!mark && !mask)
		return 0;
	if (!mark && nla_get_u32(mask))
		return refuse(r->extack, mask, "a mark mask needs a mark");
	r->spec.mark = mark ? nla_get_u32(mark) : 0;
	r->spec.mark_mask = mask ? nla_get_u32(mask) : U32_MAX;
	if (r->spec.mark & ~r->spec.mark_mask)
		return refuse(r->extack, mark, "the mark has bits set outside its mask");
	return 0;
}

static void clear_selector(struct cb_service_spec *s)
{
	memset(&s->addr, 0, sizeof(s->addr));
	s->port_min = 0;
	s->port_max = 0;
	s->mark = 0;
	s->mark_mask = 0;
}

static int parse_selector(struct request *r)
{
	struct nlattr *only = r->attrs[COOKIEBOX_A_SERVICE_RULE_ONLY];
	struct nlattr *addr = r->attrs[COOKIEBOX_A_SERVICE_ADDR];
	struct cb_service_spec *s = &r->spec;
	bool selects;
	int err;

	if (only) {
		s->rule_only = nla_get_u8(only);
		if (s->rule_only)
			clear_selector(s);
	}
	err = addr ? cb_netlink_parse_prefix(addr, &s->addr, r->extack) : 0;
	if (!err)
		err = parse_ports(r);
	if (!err)
		err = parse_mark(r);
	if (err)
		return err;
	selects = s->addr.family || s->port_max || s->mark_mask;
	if (s->rule_only && selects)
		return refuse(r->extack, only, "a rule-only service has no address, port or mark");
	if (!s->rule_only && !selects)
		return refuse(r->extack, r->attrs[COOKIEBOX_A_SERVICE_NAME],
			      "a service needs an address, port, mark or rule-only");
	return 0;
}

/* What passes in calm is unknown when engaged, and its answers are known by address alone. */
static int check_calm(struct request *r)
{
	const struct cb_service_spec *s = &r->spec;
	struct nlattr *blamed = r->attrs[COOKIEBOX_A_SERVICE_ENGAGE] ?:
				r->attrs[COOKIEBOX_A_SERVICE_MODE];

	if (!cb_service_by_address(s))
		return refuse(r->extack, blamed,
			      "engage auto in mode splice is for services with an address or port, without a mark");
	if (!cb_service_lets_pass(s))
		return refuse(r->extack, blamed,
			      "engage auto in mode splice is for unknown pass and invalid auto: what began in calm is not known when engaged");
	return 0;
}

static int check_mode(struct request *r)
{
	struct nlattr *mode = r->attrs[COOKIEBOX_A_SERVICE_MODE];

	if (!cb_mode_by_id(r->spec.mode)) {
		refuse(r->extack, mode, "mode handoff is not built into this module: use local");
		return -EOPNOTSUPP;
	}
	if (r->spec.mode == COOKIEBOX_MODE_SPLICE && r->spec.engage == COOKIEBOX_ENGAGE_AUTO)
		return check_calm(r);
	if (r->spec.mode != COOKIEBOX_MODE_SPLICE && r->spec.unknown)
		return refuse(r->extack, r->attrs[COOKIEBOX_A_SERVICE_UNKNOWN] ?: mode,
			      "unknown drop and unknown reset are of mode splice: the host's own stack knows its connections");
	return 0;
}

/* With the sysctls' values where the service has none. */
static int check_auto(struct request *r)
{
	struct nlattr *engage = r->attrs[COOKIEBOX_A_SERVICE_ENGAGE_AT];
	struct nlattr *release = r->attrs[COOKIEBOX_A_SERVICE_RELEASE_AT];
	const struct cb_sysctl *s = &cb_net(r->net)->sysctl;
	unsigned int from, to;

	if (!engage && !release)
		return 0;
	if (r->spec.engage_at == 1)
		return refuse(r->extack, engage, "engage-at must be 2 to 100 percent, or 0");
	from = r->spec.engage_at ?: READ_ONCE(s->auto_engage_percent);
	to = r->spec.release_at ?: READ_ONCE(s->auto_release_percent);
	if (to < from)
		return 0;
	CB_NL_ERR_ATTR_FMT(r->extack, release ?: engage, "release-at must be below engage-at",
			   "release-at must be below engage-at, and %u is not below %u", to, from);
	return -EINVAL;
}

/* Not when something else of a service is set while it is off. */
static int check_syncookies(struct request *r, bool added)
{
	const struct nlattr *why = r->attrs[COOKIEBOX_A_SERVICE_ENGAGE] ?:
				   r->attrs[COOKIEBOX_A_SERVICE_MODE];

	if (!added && !why)
		return 0;
	if (r->spec.mode != COOKIEBOX_MODE_LOCAL ||
	    (r->spec.engage != COOKIEBOX_ENGAGE_ALWAYS &&
	     r->spec.engage != COOKIEBOX_ENGAGE_AUTO) ||
	    READ_ONCE(r->net->ipv4.sysctl_tcp_syncookies))
		return 0;
	refuse(r->extack, why,
	       "net.ipv4.tcp_syncookies is 0: mode local needs 1 or 2, or use engage observe");
	return -EOPNOTSUPP;
}

static void parse_u8(struct request *r, int type, u8 *value)
{
	if (r->attrs[type])
		*value = nla_get_u8(r->attrs[type]);
}

static int parse_settings(struct request *r, bool added)
{
	struct cb_service_spec *s = &r->spec;
	int err;

	parse_u8(r, COOKIEBOX_A_SERVICE_MODE, &s->mode);
	parse_u8(r, COOKIEBOX_A_SERVICE_ENGAGE, &s->engage);
	parse_u8(r, COOKIEBOX_A_SERVICE_REPLY, &s->reply);
	parse_u8(r, COOKIEBOX_A_SERVICE_INVALID, &s->invalid);
	if (added)
		s->auth = s->mode == COOKIEBOX_MODE_LOCAL ? COOKIEBOX_AUTH_OPTION_PASS :
							    COOKIEBOX_AUTH_OPTION_DROP;
	parse_u8(r, COOKIEBOX_A_SERVICE_AUTH_OPTION, &s->auth);
	parse_u8(r, COOKIEBOX_A_SERVICE_NO_TIMESTAMPS, &s->no_timestamps);
	parse_u8(r, COOKIEBOX_A_SERVICE_FLOW_CACHE, &s->flow_cache);
	parse_u8(r, COOKIEBOX_A_SERVICE_ENGAGE_AT, &s->engage_at);
	parse_u8(r, COOKIEBOX_A_SERVICE_RELEASE_AT, &s->release_at);
	if (r->attrs[COOKIEBOX_A_SERVICE_HOLD])
		s->hold = nla_get_u16(r->attrs[COOKIEBOX_A_SERVICE_HOLD]);
	parse_u8(r, COOKIEBOX_A_SERVICE_SINGLE_USE, &s->single_use);
	parse_u8(r, COOKIEBOX_A_SERVICE_UNKNOWN, &s->unknown);
	err = check_mode(r);
	if (!err)
		err = check_auto(r);
	return err ? err : check_syncookies(r, added);
}

static int parse_allow(struct request *r, struct genl_info *info)
{
	struct cb_prefix prefix;
	struct nlattr *attr;
	int err, rem;

	if (!r->attrs[COOKIEBOX_A_SERVICE_ALLOW])
		return 0;
	r->spec.n_allow = 0;
	r->spec.allow = r->allow;
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(attr) != COOKIEBOX_A_SERVICE_ALLOW)
			continue;
		err = cb_netlink_parse_prefix(attr, &prefix, r->extack);
		if (err)
			return err;
		if (!prefix.family)
			continue;
		if (r->spec.n_allow == CB_ALLOW_MAX)
			return refuse(r->extack, attr, "an allow list holds at most 64 prefixes");
		r->allow[r->spec.n_allow++] = prefix;
	}
	return 0;
}

static int parse(struct request *r, struct genl_info *info, bool added)
{
	int err = parse_selector(r);

	if (!err)
		err = parse_settings(r, added);
	if (!err)
		err = parse_allow(r, info);
	return err;
}

/* Of a place that another service has, what was said of it first is to blame. */
static int blame(struct request *r, int err)
{
	if (err == -EEXIST && r->extack && !r->extack->bad_attr)
		r->extack->bad_attr = r->attrs[COOKIEBOX_A_SERVICE_ADDR] ?:
				      r->attrs[COOKIEBOX_A_SERVICE_PORT_MIN] ?:
				      r->attrs[COOKIEBOX_A_SERVICE_MARK];
	return err;
}

static int add(struct cb_stage *stage, struct request *r, struct genl_info *info)
{
	int err = parse(r, info, true);

	if (err)
		return err;
	err = cb_stage_add(stage, &r->spec, r->attrs[COOKIEBOX_A_SERVICE_NAME], r->extack);
	return blame(r, err);
}

static int set(struct cb_stage *stage, struct request *r, struct genl_info *info)
{
	const struct cb_service *svc = cb_stage_find(stage, r->spec.name);
	int err;

	if (svc) {
		r->spec = svc->spec;
		err = parse(r, info, false);
		if (err)
			return err;
	}
	err = cb_stage_set(stage, &r->spec, r->attrs[COOKIEBOX_A_SERVICE_NAME], r->extack);
	return blame(r, err);
}

static int del(struct cb_stage *stage, struct request *r, struct genl_info *info)
{
	return cb_stage_del(stage, r->spec.name, r->attrs[COOKIEBOX_A_SERVICE_NAME], r->extack);
}

typedef int (*change_fn)(struct cb_stage *stage, struct request *r, struct genl_info *info);

/* In the socket's transaction, or in one of its own. */
static int stage_change(struct request *r, struct genl_info *info, change_fn change)
{
	struct cb_stage *stage = cb_netlink_stage(info);
	u32 generation;
	int err;

	if (stage)
		return change(stage, r, info);
	stage = cb_stage_begin(cb_net(r->net));
	if (!stage)
		return -ENOMEM;
	err = change(stage, r, info);
	if (!err)
		err = cb_stage_commit(stage, &generation, r->extack);
	cb_stage_drop(stage);
	return err;
}

static int run(struct genl_info *info, change_fn change)
{
	struct request *r = kzalloc(sizeof(*r), GFP_KERNEL);
	int err;

	if (!r)
		return cb_netlink_explain(info, -ENOMEM);
	r->attrs = info->attrs;
	r->extack = info->extack;
	r->net = genl_info_net(info);
	err = parse_name(info->attrs[COOKIEBOX_A_SERVICE_NAME], r->spec.name, info->extack);
	if (!err)
		err = stage_change(r, info, change);
	kfree(r);
	return cb_netlink_explain(info, err);
}

int cookiebox_nl_service_add_doit(struct sk_buff *skb, struct genl_info *info)
{
	return run(info, add);
}

int cookiebox_nl_service_set_doit(struct sk_buff *skb, struct genl_info *info)
{
	return run(info, set);
}

int cookiebox_nl_service_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	return run(info, del);
}
