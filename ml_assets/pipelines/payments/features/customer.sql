-- What the customer paid in the days before, this payment included.
-- A window is the running sum at the payment less the one at the window's start: one ASOF join each,
-- linear in the rows. Payments of one second have the order of their ids; at a window's start all of
-- a second are outside. Sums are of integers: the same for any number of threads and any history.
WITH payments AS (
    SELECT
        transaction_id,
        time,
        customer_id,
        known_at,
        (amount * 100)::BIGINT AS cents
    FROM cleaned.transactions
),

running AS (
    SELECT
        transaction_id,
        time,
        customer_id,
        count(*) OVER upto AS payments,
        (sum(cents) OVER upto)::BIGINT AS cents
    FROM payments
    WINDOW upto AS (PARTITION BY customer_id ORDER BY time, transaction_id)
),

seconds AS (
    SELECT
        customer_id,
        known_at,
        max(payments) AS payments,
        max(cents) AS cents
    FROM (
        SELECT
            customer_id,
            known_at,
            count(*) OVER upto AS payments,
            (sum(cents) OVER upto)::BIGINT AS cents
        FROM payments
        WINDOW upto AS (PARTITION BY customer_id ORDER BY known_at)
    )
    GROUP BY customer_id, known_at
),

windows AS (
    SELECT
        running.transaction_id,
        running.time,
        running.payments - coalesce(day.payments, 0) AS payments_1d,
        running.cents - coalesce(day.cents, 0) AS cents_1d,
        running.payments - coalesce(week.payments, 0) AS payments_7d,
        running.cents - coalesce(week.cents, 0) AS cents_7d,
        running.payments - coalesce(month.payments, 0) AS payments_30d,
        running.cents - coalesce(month.cents, 0) AS cents_30d
    FROM running
    ASOF LEFT JOIN seconds AS day
        ON running.customer_id = day.customer_id
        AND running.time - INTERVAL 1 DAY >= day.known_at
    ASOF LEFT JOIN seconds AS week
        ON running.customer_id = week.customer_id
        AND running.time - INTERVAL 7 DAY >= week.known_at
    ASOF LEFT JOIN seconds AS month
        ON running.customer_id = month.customer_id
        AND running.time - INTERVAL 30 DAY >= month.known_at
)

SELECT
    transaction_id,
    time,
    payments_1d::INTEGER AS customer_payments_1d,
    cents_1d / 100 / payments_1d AS customer_amount_1d,
    payments_7d::INTEGER AS customer_payments_7d,
    cents_7d / 100 / payments_7d AS customer_amount_7d,
    payments_30d::INTEGER AS customer_payments_30d,
    cents_30d / 100 / payments_30d AS customer_amount_30d
FROM windows
