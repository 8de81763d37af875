"""Which rule a product is under, and when it may go by it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hven.core.retention_settings import RetentionRule
from hven.model.product import Product

DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of a product: when it may go, and why it stays for ever if it does (else empty)."""

    product: Product
    rule: RetentionRule
    due_ns: int
    stays: str = ""


def rule_of(product: Product, rules: Sequence[RetentionRule]) -> RetentionRule | None:
    """The first rule that names the product's run and dataset type; None where it just stays."""
    fitting = (r for r in rules if _fits(product.run, r.collections) and _fits(str(product.ref.type), r.types))
    return next(fitting, None)


def judge(products: Iterable[Product], rules: Sequence[RetentionRule]) -> list[Verdict]:
    """What the rules say of those products that are under one, in their order.

    Parameters
    ----------
    products
        All candidates, oldest first: the last versions of a dataset are counted among them.
    """
    under = [(product, rule) for product in products if (rule := rule_of(product, rules))]
    last = _last(under)
    return [_verdict(product, rule, is_last=product.id in last) for product, rule in under]


def _verdict(product: Product, rule: RetentionRule, *, is_last: bool) -> Verdict:
    stays = f"rule {rule.name}: one of the last {rule.keep_last}" if is_last else ""
    return Verdict(product, rule, product.created_ns + round(rule.after_days * DAY_NS), stays)


def _last(under: Sequence[tuple[Product, RetentionRule]]) -> set[str]:
    """Ids of the newest versions of each dataset that are whole, as many as each rule keeps."""
    found: dict[object, list[str]] = defaultdict(list)
    for product, rule in reversed(under):
        versions = found[product.ref, rule.name]
        if "partial" not in product.flags and len(versions) < rule.keep_last:
            versions.append(product.id)
    return {product_id for versions in found.values() for product_id in versions}


def _fits(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
