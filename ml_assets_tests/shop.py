"""A tiny pipeline, written by hand: orders of three shops in three months, and who paid late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets_tests.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

MONTHS = ("2024-01", "2024-02", "2024-03")
DAYS = 28

DEFS = """\
type: ml_assets.component.MLPipeline
attributes:
  description: Will an order be paid late?
  owners: ["team:data"]
  time_zone: Europe/Berlin
  partitions: {every: month, start: "2024-01", end: "2024-03"}
  label:
    table: cleaned.payments
    value: days_to_pay > 3
    description: Will an order be paid late? Asked when it is placed.
  model:
    split: {test: 1, tune: 1}
    tuning: {trials: 1}
    key_features: []
    rate_baseline: [shop]
    minimum_rows: 20
  evaluation: {slices: [shop]}
  raw:
    orders:
      description: Orders as the shops send them.
      source: {kind: files, path: sources/orders.csv}
      time: placed_at
      columns:
        id: INTEGER
        shop: VARCHAR
        amount: INTEGER
        placed_at: TIMESTAMPTZ
        paid_at: TIMESTAMPTZ
      limits: {rejected: 0.1}
    shops:
      description: The shops; static.
      source: {kind: files, path: sources/shops.csv}
      columns: {shop: VARCHAR, city: VARCHAR}
  cleaned:
    shops:
      description: The shops.
      rows: raw.shops
      rows_key: [shop]
      key: [shop]
      static: true
      columns:
        shop: {type: VARCHAR, description: "Name of the shop."}
        city: {type: VARCHAR, description: "Where it is."}
    orders:
      description: Orders, known when placed.
      rows: raw.orders
      rows_key: [id]
      key: [id]
      time: placed_at
      event_time: placed_at
      known_at: known_at
      counts: {large: "amount > 90"}
      limits: {rejected: 0.1}
      columns:
        id: {type: INTEGER, description: "Number of the order."}
        shop: {type: VARCHAR, references: cleaned.shops.shop, description: "Shop it was placed at."}
        amount: {type: INTEGER, unit: EUR, min: 1, max: 1000, description: "Price."}
        placed_at: {type: TIMESTAMPTZ, description: "When it was placed."}
        known_at: {type: TIMESTAMPTZ, description: "When it was known: as it was placed."}
    payments:
      description: Paid orders, known when paid.
      rows: raw.orders
      rows_key: [id]
      exclude: {unpaid: "paid_at IS NULL"}
      key: [id]
      time: placed_at
      event_time: paid_at
      known_at: known_at
      facts: [paid_at]
      columns:
        id: {type: INTEGER, description: "Number of the order."}
        shop: {type: VARCHAR, description: "Shop it was placed at."}
        placed_at: {type: TIMESTAMPTZ, description: "When it was placed."}
        paid_at: {type: TIMESTAMPTZ, description: "When it was paid."}
        days_to_pay: {type: INTEGER, unit: d, description: "Days from order to payment."}
        known_at: {type: TIMESTAMPTZ, description: "When the payment was known: as it was paid."}
  features:
    orders:
      description: The order, and what the shop's customers did in the week before.
      rows: cleaned.orders
      key: [id]
      time: placed_at
      prediction_time: placed_at
      lookback: 14 days
      columns:
        id: {type: INTEGER, description: "Number of the order."}
        placed_at: {type: TIMESTAMPTZ, description: "When it was placed."}
        shop: {type: VARCHAR, description: "Shop it was placed at."}
        amount: {type: INTEGER, unit: EUR, description: "Price."}
        paid_week: {type: INTEGER, description: "The shop's payments in the 7 days before."}
"""

SQL = {
    "cleaned.shops": "SELECT shop, city FROM raw.shops",
    "cleaned.orders": """\
SELECT id, shop, amount, placed_at, placed_at AS known_at
FROM raw.orders
QUALIFY row_number() OVER (PARTITION BY id ORDER BY placed_at, amount) = 1""",
    "cleaned.payments": """\
SELECT id, shop, placed_at, paid_at,
    date_diff('day', placed_at, paid_at)::INTEGER AS days_to_pay, paid_at AS known_at
FROM raw.orders
QUALIFY row_number() OVER (PARTITION BY id ORDER BY placed_at, amount) = 1""",
    "features.orders": """\
-- Payments of the week before.
SELECT o.id, o.placed_at, o.shop, o.amount, count(p.id)::INTEGER AS paid_week
FROM cleaned.orders AS o
LEFT JOIN cleaned.payments AS p
    ON p.shop = o.shop AND p.known_at <= o.placed_at
    AND p.known_at > o.placed_at - INTERVAL 7 DAY
GROUP BY ALL""",
}

ORDERS_HEADER = "id,shop,amount,placed_at,paid_at"


def order(number: int, month: str, day: int, shop: str = "north", amount: int = 10) -> str:
    """Return one line of orders.csv; every ninth order stays unpaid."""
    placed = f"{month}-{day:02d} 12:{number % 60:02d}:00+00"
    later = day + 1 + number % 5
    paid = "" if number % 9 == 0 or later > DAYS else f"{month}-{later:02d} 12:00:00+00"
    return f"{number},{shop},{amount},{placed},{paid}"


def orders() -> list[str]:
    """Return the lines of orders.csv: three orders on each of the first 28 days of a month."""
    lines = [ORDERS_HEADER]
    for month in MONTHS:
        for day in range(1, DAYS + 1):
            for shop in ("north", "south", "west"):
                number = len(lines)
                lines.append(order(number, month, day, shop, 10 + number % 100))
    return lines


def write_shop(root: Path) -> Sandbox:
    """Write the pipeline and its sources under `root`."""
    box = Sandbox(root, "shop")
    for table, select in SQL.items():
        path = box.sql(table)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(select + "\n", encoding="utf-8")
    (box.folder / "defs.yaml").write_text(DEFS, encoding="utf-8")
    box.sources.mkdir()
    box.source("orders").write_text("\n".join(orders()) + "\n", encoding="utf-8")
    box.source("shops").write_text(
        "shop,city\nnorth,Kiel\nsouth,Ulm\nwest,Bonn\n", encoding="utf-8"
    )
    return box


def ask_for_classes(box: Sandbox) -> None:
    """Let the label be one of three classes."""
    box.declare(_kind_of_payment)


def _kind_of_payment(declared: dict[str, Any]) -> None:
    declared["model"]["problem"] = "multiclass"
    declared["label"]["value"] = (
        "CASE WHEN days_to_pay > 3 THEN 'late' WHEN days_to_pay > 1 THEN 'fair' ELSE 'soon' END"
    )


def look_ahead(box: Sandbox) -> None:
    """Let the label ask of the ten days that follow an order: the shop's last order in them."""
    box.declare(_last_order_of_ten_days)
    box.sql("cleaned.payments").write_text(LAST_ORDER, encoding="utf-8")


LAST_ORDER = """
SELECT o.id, o.shop, o.placed_at, max(n.placed_at) AS last_at,
    max(date_diff('day', o.placed_at, n.placed_at))::INTEGER AS days_to_pay,
    o.placed_at + INTERVAL 10 DAY AS known_at
FROM cleaned.orders AS o
JOIN cleaned.orders AS n
    ON n.shop = o.shop AND n.placed_at >= o.placed_at
    AND n.placed_at < o.placed_at + INTERVAL 10 DAY
GROUP BY ALL
"""


def _last_order_of_ten_days(declared: dict[str, Any]) -> None:
    table = declared["cleaned"]["payments"]
    table.update(rows="cleaned.orders", lookahead="10 days", facts=[], exclude={})
    table["limits"] = {"rejected": 0.1}
    column = {"type": "TIMESTAMPTZ", "description": "The shop's last order in ten days."}
    table["columns"]["last_at"] = table["columns"].pop("paid_at") | column
    table["event_time"] = "placed_at"
