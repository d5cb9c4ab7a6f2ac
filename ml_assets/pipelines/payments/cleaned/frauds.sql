-- What an investigation finds is a week behind the payment.
SELECT
    transaction_id,
    time,
    terminal_id,
    fraud,
    scenario,
    time + INTERVAL 7 DAY AS known_at
FROM raw.transactions
QUALIFY row_number() OVER (
    PARTITION BY transaction_id ORDER BY time, customer_id, terminal_id, amount
) = 1
