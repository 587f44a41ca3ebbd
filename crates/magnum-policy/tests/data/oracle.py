"""Writes oracle.json: expressions and what oslo.policy makes of them.

Run with a Python that has oslo.policy:  python oracle.py > oracle.json

Left out on purpose, because this crate is stricter there: what cannot be understood behind a "not",
attributes that are null on both sides, and rules that refer to each other in a ring.
"""
import json
import logging
import random

from oslo_config import cfg
from oslo_policy import policy

logging.disable(logging.CRITICAL)

BASE = {
    "r_admin": "role:admin",
    "r_owner": "project_id:%(project_id)s",
    "r_either": "rule:r_admin or rule:r_owner",
    "r_all": "",
    "r_none": "!",
    "default": "role:fallback",
}
CREDS = {
    "admin": {"user_id": "u1", "project_id": "p1", "roles": ["Admin", "member"], "is_admin": True},
    "owner": {"user_id": "u2", "project_id": "p2", "roles": ["reader"], "is_admin": False,
              "token": {"user": {"domain": {"id": "d1"}, "name": "ann"},
                        "catalog": [{"type": "heat"}, {"type": "nova"}], "level": 3, "open": True}},
    "other": {"user_id": "u3", "project_id": "p3", "roles": ["fallback"], "is_admin": False, "domain_id": "d3"},
    "empty": {"user_id": "u4", "project_id": None, "roles": [], "is_admin": False},
}
TARGETS = {
    "of_p2": {"project_id": "p2", "user_id": "u2", "public": True, "count": 3, "kind": None,
              "role": "reader", "target.domain.id": "d1", "percent": "100%", "name": "ann"},
    "of_p3": {"project_id": "p3", "user_id": "u9", "public": False, "count": 0, "role": "ADMIN",
              "trustee_domain_id": "d3"},
    "bare": {},
}
FIXED = [
    "", "@", "!", " ", "   ", "()", "(@)", "((@))", "(((!)))", "not !", "not @", "not not @", "NOT !",
    "@ and @", "@ AND !", "@ Or !", "! or @ and @", "@ or @ and !", "(@ or @) and !", "! and ! or @",
    "! and (! or @)", "not ! and @", "not @ or @", "not (@ or !)", "not (@ and !)", "@ or not @ and !",
    "@ or ! and ! or !", "! or ! or @ and @ and @", "@ and @ or ! and !", "! or (@ and @) and !",
    "@ @", "@ !", "and", "or", "not", "@ and", "and @", "@ or", "( @", "@ )", "(@", "@)", ")(", "(@ or !",
    "@ not @", "@ and or @", "'quoted'", "\"quoted\"", "@ or 'quoted'", "('quoted')", "'a:b'", "'x':'x'",
    "nonsense", "nonsense or @", "@ and nonsense", ":", ":x", "x:", "role:", "rule:",
    "role:admin", "role:ADMIN", "role:member", "role:%(role)s", "role:%(missing)s", "role:adm", "roles:Admin",
    "roles:admin", "rule:r_admin", "rule:r_owner", "rule:r_either", "rule:r_all", "rule:r_none",
    "rule:missing", "rule:missing or @", "not rule:r_admin", "not rule:r_owner",
    "rule:r_admin and rule:r_owner", "rule:r_owner and not rule:r_admin",
    "project_id:%(project_id)s", "user_id:%(user_id)s", "user_id:u2", "user_id:%(missing)s",
    "not user_id:%(missing)s", "not domain_id:%(trustee_domain_id)s", "domain_id:%(trustee_domain_id)s",
    "is_admin:True", "is_admin:False", "is_admin:true", "is_admin:1", "missing:x", "not missing:x",
    "True:%(public)s", "False:%(public)s", "'p2':%(project_id)s", "\"p2\":%(project_id)s", "None:%(kind)s",
    "3:%(count)s", "0:%(count)s", "-1:%(count)s", "3.0:%(count)s", "'3':%(count)s", "'True':%(public)s",
    "'x':x", "'x':y", "1:1", "None:None", "True:True", "project_id:None", "'':", "'100%':%(percent)s",
    "'100%':100%%", "'p2u2':%(project_id)s%(user_id)s", "'p2-u2':%(project_id)s-%(user_id)s",
    "'<p2>':<%(project_id)s>", "user_id:u%%", "'a:b':a:b", "x:y:z",
    "token.user.domain.id:d1", "token.user.domain.id:%(target.domain.id)s", "token.user.name:%(name)s",
    "token.catalog.type:nova", "token.catalog.type:glance", "token.level:3", "token.level:%(count)s",
    "token.open:True", "token.open:%(public)s", "token.missing:1", "token.user.missing.deeper:1",
    "user_id:%(user_id", "user_id:%", "user_id:%s)", "user_id:%(user_id)",
    "project_id:%(project_id)s\tand\nrole:reader", "\u00a0@\u00a0or\u2003!", "role:admin\u0085or\u001crole:reader",
    [], [[]], [["@"]], [["!"]], ["@"], ["!"], ["!", "@"], [["!", "@"]], [["@", "@"], ["!"]],
    [["role:admin"], ["project_id:%(project_id)s"]], [["role:reader", "project_id:%(project_id)s"]],
    ["rule:r_admin", "rule:r_owner"], [[], ["role:admin"]], ["", "role:admin"], [["role:admin or @"]],
    [["nonsense"], ["role:admin"]], [["(@)"]],
]
ATOMS = ["@", "!", "role:admin", "role:reader", "rule:r_owner", "rule:r_either", "is_admin:True",
         "user_id:%(user_id)s", "True:%(public)s", "user_id:%(missing)s", "rule:r_none"]


def grown(rng, depth):
    roll = rng.random()
    if depth == 0 or roll < 0.25:
        return rng.choice(ATOMS)
    if roll < 0.45:
        return "not " + bracketed(rng, depth - 1)
    joiner = rng.choice([" and ", " or ", " and ", " or ", " AND ", "  or\t"])
    parts = [rng.choice([grown, bracketed])(rng, depth - 1) for _ in range(rng.randint(2, 3))]
    return joiner.join(parts)


def bracketed(rng, depth):
    return "(" + grown(rng, depth) + ")" if depth else rng.choice(ATOMS)


def shaken(rng):
    words = ATOMS + ["and", "or", "not", "(", ")", "and", "or"]
    return " ".join(rng.choice(words) for _ in range(rng.randint(2, 7)))


def main():
    rng = random.Random(20)
    expressions = list(FIXED)
    expressions += [grown(rng, 4) for _ in range(120)] + [shaken(rng) for _ in range(80)]
    enforcer = policy.Enforcer(cfg.ConfigOpts(), use_conf=False)
    cases = []
    for expression in expressions:
        rules = policy.Rules.from_dict(dict(BASE, asked=expression), "default")
        enforcer.set_rules(rules, overwrite=True, use_conf=False)
        allowed = []
        for caller, creds in CREDS.items():
            for target in TARGETS:
                try:
                    if enforcer.enforce("asked", TARGETS[target], dict(creds)):
                        allowed.append(f"{caller} {target}")
                except Exception:
                    pass  # upstream answers 500 here; refusing is the only sound reading
        cases.append({"expression": expression, "allowed": allowed})
    head = {"rules": BASE, "callers": CREDS, "targets": TARGETS}
    print("{")
    for key, value in head.items():
        print(f"{json.dumps(key)}: {json.dumps(value)},")
    print('"cases": [')
    print(",\n".join(json.dumps(case) for case in cases))
    print("]}")


main()
