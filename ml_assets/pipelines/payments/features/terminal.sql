-- What was known of fraud at the terminal: the investigations that ended in the days before, of
-- payments made a week earlier. Windows are differences of running sums, as in customer.
WITH running AS (
    SELECT DISTINCT
        terminal_id,
        known_at,
        count(*) OVER upto AS payments,
        (sum(fraud::INTEGER) OVER upto)::BIGINT AS frauds
    FROM cleaned.frauds
    WINDOW upto AS (PARTITION BY terminal_id ORDER BY known_at)
),

windows AS (
    SELECT
        payments.transaction_id,
        payments.time,
        coalesce(now.payments, 0) - coalesce(day.payments, 0) AS payments_1d,
        coalesce(now.frauds, 0) - coalesce(day.frauds, 0) AS frauds_1d,
        coalesce(now.payments, 0) - coalesce(week.payments, 0) AS payments_7d,
        coalesce(now.frauds, 0) - coalesce(week.frauds, 0) AS frauds_7d,
        coalesce(now.payments, 0) - coalesce(month.payments, 0) AS payments_30d,
        coalesce(now.frauds, 0) - coalesce(month.frauds, 0) AS frauds_30d
    FROM cleaned.transactions AS payments
    ASOF LEFT JOIN running AS now
        ON payments.terminal_id = now.terminal_id
        AND payments.time >= now.known_at
    ASOF LEFT JOIN running AS day
        ON payments.terminal_id = day.terminal_id
        AND payments.time - INTERVAL 1 DAY >= day.known_at
    ASOF LEFT JOIN running AS week
        ON payments.terminal_id = week.terminal_id
        AND payments.time - INTERVAL 7 DAY >= week.known_at
    ASOF LEFT JOIN running AS month
        ON payments.terminal_id = month.terminal_id
        AND payments.time - INTERVAL 30 DAY >= month.known_at
)

SELECT
    transaction_id,
    time,
    payments_1d::INTEGER AS terminal_payments_1d,
    frauds_1d / nullif(payments_1d, 0) AS terminal_fraud_rate_1d,
    payments_7d::INTEGER AS terminal_payments_7d,
    frauds_7d / nullif(payments_7d, 0) AS terminal_fraud_rate_7d,
    payments_30d::INTEGER AS terminal_payments_30d,
    frauds_30d / nullif(payments_30d, 0) AS terminal_fraud_rate_30d
FROM windows
