SELECT
    transaction_id,
    time,
    customer_id,
    terminal_id,
    amount::DECIMAL(10, 2) AS amount,
    time AS known_at
FROM raw.transactions
QUALIFY row_number() OVER (
    PARTITION BY transaction_id ORDER BY time, customer_id, terminal_id, amount
) = 1
