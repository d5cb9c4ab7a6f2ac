SELECT
    transaction_id,
    time,
    customer_id,
    terminal_id,
    amount::DOUBLE AS amount,
    isodow(timezone(getvariable('time_zone'), time)) >= 6 AS weekend,
    hour(timezone(getvariable('time_zone'), time)) <= 6 AS night
FROM cleaned.transactions
