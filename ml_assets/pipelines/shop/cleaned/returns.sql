-- What the 91 days after the observation brought; they end a window's lookahead after the month.
SELECT
    customers.customer_id,
    customers.month,
    customers.observed_at,
    count(purchases.customer_id) > 0 AS bought,
    count(purchases.customer_id) AS purchases,
    coalesce(sum(purchases.amount), 0) AS spent,
    timezone(
        getvariable('time_zone'), customers.observed_on + INTERVAL 92 DAY
    ) AS known_at
FROM cleaned.customer_months AS customers
LEFT JOIN cleaned.purchases AS purchases
    ON customers.customer_id = purchases.customer_id
    AND purchases.purchased_on > customers.observed_on
    AND purchases.purchased_on <= customers.observed_on + 91
GROUP BY ALL
