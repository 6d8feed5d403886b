# SPDX-License-Identifier: GPL-2.0
"""Instructions per function, from the counts of tests/bench/profile.c and the guest's kallsyms."""

import bisect
import collections
import re

# The budget: what a function is for. The first expression that matches counts.
PARTS = [(part, re.compile(f"^({names})")) for part, names in (
    ("the benchmark itself", r"measure|hand_over|swallow|read_tsc|ktime_get"),
    ("receive, IP input", r"netif_receive|__netif_receive|ip_rcv|ip_local_deliver|ip6_rcv|ipv6_rcv|"
     r"ip6_input|ip6_protocol|skb_defer_rx|tcp_v[46]_(early_demux|rcv)$|eth_type|raw_local"),
    ("locks, RCU", r"__rcu|_raw_|__local_bh|rcu_|preempt|__list"),
    ("memory", r"__slab|slab_|kmem_cache|kfree|__kfree|kmalloc|__kmalloc|skb_release|skb_free|"
     r"put_cpu_partial|dev_kfree|consume_skb|__alloc_skb|napi_|sk_skb_reason|page_frag|__free_pages|"
     r"free_unref|get_partial|___slab|memset|__memset|dev_consume|build_skb|mod_memcg|get_page"),
    ("MAC and hash", r"siphash|__siphash|cb_cookie|cb_flow|cb_rows|blake2"),
    ("keys, decision", r"cb_handshake|cb_ring|cb_key"),
    ("parse", r"cb_parse|cb_options|cb_segment|read_timestamps|line_of|csum|nf_checksum|nf_ip6?_check"),
    ("known tuple?", r"cb_demux_est|known|inet6?_ehash|__inet6?_lookup_est|find_established"),
    ("listener, what to offer", r"cb_offer|cb_demux_list|__inet6?_lookup_list|inet6?_lookup_list|"
     r"inet6?_lhash|inet_lhash|sdif_of|delays|find_listener|find_dest|cb_dest|cb_demux_is_local|is_local"),
    ("hooks, service, counting", r"nf_hook|pre_routing|local_in|cb_service|cb_hooks|judge|cb_judge|protect|open_ack|"
     r"carry_out|cb_count|deliver|cb_gate|cb_local|ipv[46]_conntrack|nf_|ct_"),
    ("build the reply", r"build|cb_build|put_|take_buffer|scrub|cb_reply|reflect|route_out|ip_send_check|"
     r"skb_put|skb_trim|skb_push|memcpy|ip6_make"),
    ("route", r"cb_demux_route|route[46]|fib|ip_route|__ip_route|ip6_route|ip6_pol|ip6_dst|xfrm|"
     r"find_exception|dst_|rt6|ipv6_|__ipv6|find_match|__find_rr|rt_|ip6_hold|ip6_rt|inet_addr"),
    ("send", r"ip_|__ip_|ip6_|__ip6_|dev_|__dev_|sch_|qdisc|__qdisc|fq_|__fq|pfifo|validate_xmit|"
     r"netif_skb|netdev|neigh|skb_network|eth_|apparmor|selinux|harmonize|__skb_get_hash"),
    ("TCP", r"tcp|__tcp|inet|__inet|sk_|sock|__sk|cookie|lock_sock|release_sock|security"),
)]


class Symbols:
    """Text symbols of a guest, by address."""

    def __init__(self, path):
        found = {}
        with open(path, encoding="ascii") as handle:
            for line in handle:
                address, _, name, *module = line.split()
                found.setdefault(int(address, 16), (name, module[0] if module else ""))
        self.starts = sorted(found)
        self.names = [found[a] for a in self.starts]

    def at(self, address):
        """(start, name, module) of the function that holds the address."""
        index = bisect.bisect_right(self.starts, address) - 1
        return (self.starts[index], *self.names[index]) if index >= 0 else (0, "?", "")


def read_counts(path):
    """One (batches, {address: count}) per run, in the order of the runs."""
    runs = []
    with open(path, encoding="ascii") as handle:
        for line in handle:
            first, second, *rest = line.split()
            if first == "run":
                runs.append((int(rest[0]), collections.Counter()))
            else:
                runs[-1][1][int(first, 16)] += int(second)
    return runs


def functions(counts, symbols, segments):
    """(instructions, calls, name, module) per segment, the most expensive first."""
    spent, calls = collections.Counter(), collections.Counter()
    for address, count in counts.items():
        start, name, module = symbols.at(address)
        spent[name, module] += count
        if address == start:
            calls[name, module] += count
    return [(count / segments, calls[key] / segments, *key) for key, count in spent.most_common()]


def part_of(name):
    return next((part for part, names in PARTS if names.match(name)), "the rest")


def budget(lines):
    parts = collections.Counter()
    for spent, _, name, _ in lines:
        parts[part_of(name)] += spent
    return parts.most_common()


def show(title, counts, symbols, segments, least=0.5):
    lines = functions(counts, symbols, segments)
    modules = collections.Counter()
    for spent, _, _, module in lines:
        modules[module or "[kernel]"] += spent
    print(f"\n{title}: {sum(modules.values()):,.0f} instructions per segment: " +
          ", ".join(f"{m.strip('[]')} {n:,.0f}" for m, n in modules.most_common()))
    for part, spent in budget(lines):
        print(f"  {spent:12,.1f}  {part}")
    print("  instructions   calls  function")
    for spent, calls, name, module in lines:
        if spent >= least:
            print(f"  {spent:12,.1f}  {calls:6.2f}  {name} {module}".rstrip())
