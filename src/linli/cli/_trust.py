"""`linli trust explain`: which rule lets somebody do something, or which one was missing."""

from __future__ import annotations

import argparse
import asyncio
from typing import get_args

from linli.app import account_at_rest, asked_at_rest
from linli.base import WallClock
from linli.base.errors import StartError
from linli.trust import Act, Explanation, Policies, Principal, Rule, Thing, Verb

from ._start import load_settings
from ._words import node_words

_AT = "@"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `linli trust` to the command line."""
    trust = commands.add_parser("trust", help="say which rule lets somebody do something")
    kinds = trust.add_subparsers(dest="what", required=True)
    explain = kinds.add_parser("explain", help="name the rules that decide, and what they look at")
    explain.add_argument(
        "who", help="id of an account, or a role with its areas: guard, seat@/cn/r37/r3701, operator (no node may run)"
    )
    explain.add_argument("action", choices=get_args(Verb))
    explain.add_argument(
        "thing", help="id of an entity, or a type with its scope: Notice, ServiceCall@/cn/r37/r3701/r370102"
    )
    explain.add_argument("--purpose", help="for what he asks, as emergency")
    explain.add_argument("--for", dest="for_whom", default="", help="the person for whom he acts under a delegation")
    explain.add_argument("--reason", default="", help="why he asks to see in clear what is masked")
    explain.add_argument("--strong", action="store_true", help="as if he had signed in with a second factor")
    explain.add_argument("--touching", default="", help="attributes that a write says, with commas")
    explain.add_argument("--gate", action="append", default=[], help="a gate at which a guard of this role stands")
    node_words(explain)
    explain.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the answer and the rules; 0 = allowed, 1 = denied. Raises: StartError, ResourceNotFound."""
    settings = load_settings(options)
    who = _role(options) or asyncio.run(account_at_rest(options.data, settings, options.who))
    act = Act(who, options.purpose, who.tenant, options.for_whom, options.reason, options.strong)
    touched = tuple(name.strip() for name in options.touching.split(",") if name.strip())
    if ":" in options.thing:
        said = asyncio.run(
            asked_at_rest(
                options.data, settings, lambda broker: broker.explain(act, options.action, options.thing, touched)
            )
        )
    else:
        name, _, scopes = options.thing.partition(_AT)
        thing = Thing(name, tuple(filter(None, scopes.split(","))), attrs=touched)
        said = Policies(WallClock(), zone=settings["node.zone"]).explain(act, options.action, thing)
    _print(said)
    return 0 if said.decision.ok else 1


def _role(options: argparse.Namespace) -> Principal | None:
    """Return somebody of a role; None when it is an account that was named."""
    role, _, scopes = options.who.partition(_AT)
    if ":" in role:
        return None
    if not role:
        raise StartError("who: write a role, as seat@/cn/r37/r3701, or the id of an account.")
    return Principal(f"{role}:anybody", role, tuple(filter(None, scopes.split(","))), gates=tuple(options.gate))


def _print(said: Explanation) -> None:
    decision = said.decision
    if decision.ok:
        shown = ", ".join(f"{pii} {level}" for pii, level in decision.shown._asdict().items())
        print(f"Allowed by {decision.policy}. Shown: {shown}.")
    else:
        print(f"Denied: {decision.policy}.")
    held = [one for one in said.rules if one.held]
    for one in held:
        _print_rule(one)
    others = [one for one in said.rules if not one.held and one.permits]
    if others and not decision.ok:
        print("It would be allowed by any of these, if all they look at were so:")
        for one in others:
            _print_rule(one)


def _print_rule(rule: Rule) -> None:
    print(f"  {rule.name}: {rule.says}")
    for fact, is_so in rule.facts:
        print(f"    {'yes' if is_so else 'no '}  {fact}")
