# SPDX-License-Identifier: GPL-2.0
"""What the kernel takes, command by command, as generated from the netlink spec.

read() gives {command: {attribute number: Rule}}, with nested sets inside; set_of(command) gives
every attribute number of the set that the command's attributes are from, taken or not.
"""

import dataclasses
import re

from genl import C, TOP

# The set that a command's attributes are from.
SETS = {"BEGIN": "TRANSACTION", "COMMIT": "TRANSACTION", "ABORT": "TRANSACTION",
        "SERVICE_ADD": "SERVICE", "SERVICE_SET": "SERVICE", "SERVICE_DEL": "SERVICE",
        "SERVICE_GET": "SERVICE", "LOOKUP": "LOOKUP", "REASON_GET": "REASON",
        "STATS_GET": "STATS", "STATUS_GET": "STATUS", "KEY_GET": "KEY", "KEY_SET": "KEY",
        "KEY_ROTATE": "KEY", "CACHE_GET": "CACHE", "CACHE_FLUSH": "CACHE",
        "ATTACK_GET": "ATTACK", "SERVER_GET": "SERVER"}
SIZES = {"NLA_U8": 1, "NLA_U16": 2, "NLA_U32": 4, "NLA_FLAG": 0}


@dataclasses.dataclass
class Rule:
    """size: bytes of the payload, or None; most: the largest number, or bytes of a name."""
    kind: str                   # number, bytes, flag, name or nest
    size: int = None
    most: int = None
    inner: dict = None


def defines():
    with open(f"{TOP}/module/uapi/linux/cookiebox.h", encoding="ascii") as handle:
        found = re.findall(r"^#define COOKIEBOX_(\w+)\s+(\d+)$", handle.read(), re.M)
    return {name: int(value) for name, value in found}


def number(text):
    text = text.removeprefix("COOKIEBOX_")
    return int(text) if text.isdigit() else defines()[text]


def rule_of(text, nests):
    if nested := re.match(r"NLA_POLICY_NESTED\((\w+)\)", text):
        return Rule("nest", inner=nests[nested[1]])
    if exact := re.match(r"NLA_POLICY_EXACT_LEN\((\w+)\)", text):
        return Rule("bytes", size=number(exact[1]))
    if most := re.match(r"NLA_POLICY_MAX\((\w+), (\d+)\)", text):
        return Rule("number", size=SIZES[most[1]], most=int(most[2]))
    if name := re.match(r"{ \.type = NLA_NUL_STRING, \.len = (\w+), }", text):
        return Rule("name", most=number(name[1]))
    if plain := re.match(r"{ \.type = (NLA_U\d+|NLA_FLAG), }", text):
        size = SIZES[plain[1]]
        return Rule("number" if size else "flag", size=size, most=(1 << 8 * size) - 1)
    raise ValueError(f"netlink-gen.c says what is not known here: {text}")


def forgotten():
    """Commands of the header that nobody here has heard of."""
    return sorted(name for name in C if name.startswith("CMD_") and name[4:] not in SETS and
                  name not in ("CMD_EVENT", "CMD_MAX"))


def read():
    if missing := forgotten():
        raise ValueError(f"SETS lacks: {' '.join(missing)}")
    with open(f"{TOP}/build/guest-files/netlink-gen.c", encoding="ascii") as handle:
        text = handle.read()
    nests, commands = {}, {}
    for name, body in re.findall(r"nla_policy (cookiebox_\w+_nl_policy)\[.*?\] = {(.*?)^};", text,
                                 re.S | re.M):
        nests[name] = {C[attribute]: rule_of(rule.strip(), nests) for attribute, rule in
                       re.findall(r"^\t\[COOKIEBOX_(\w+)\] = (.*?),$", body, re.M)}
        command = name.removeprefix("cookiebox_").removesuffix("_nl_policy").upper()
        if command in SETS:
            commands[command] = nests[name]
    if set(commands) != set(SETS):
        raise ValueError(f"commands without a policy: {set(SETS) ^ set(commands)}")
    return commands


def set_of(command):
    prefix = f"A_{SETS[command]}_"
    return sorted(value for name, value in C.items()
                  if name.startswith(prefix) and not name.endswith("_MAX"))
