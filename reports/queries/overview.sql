-- Of many trials at once: events by the day, and sums to be merged; of their summed days, or of what else came.
{% from "columns.sql" import select %}
{% from "ranges.sql" import in_seconds %}
{% from "settled_or_live.sql" import settled_or_live %}
{% set cell_columns = "trial_id, kind, events, failed, abandoned, duration_count, duration_ms_sum, duration_bins, duration_counts, amount_fen_sum, rating_count, rating_sum, subjects, sessions" %}
SELECT trial_id, tupleElement(sumMap([day_s], [events]) AS days, 1), tupleElement(days, 2) {{ select(columns.sums) }}
FROM
(
    SELECT *, toUnixTimestamp(toStartOfDay(at, 'Asia/Shanghai')) AS day_s
    FROM
    (
        {% if summed %}
        -- As `rolled_days.sql`, of many products.
        SELECT day AS at, {{ cell_columns }}
        FROM cells_daily FINAL
        WHERE product_id IN {products:Array(String)} AND trial_id IN {trials:Array(String)} AND split = ''
            AND run >= transform(
                concat(product_id, ' ', toString(toUnixTimestamp(day))), {rolled_days:Array(String)},
                {rolled_runs:Array(UInt64)}, toUInt64(18446744073709551615)
            )
        {% else %}
        {{ settled_or_live(
            "minute AS at, " ~ cell_columns,
            minutes=in_seconds("minute", "minutes", minutes),
            blocks=in_seconds("minute", "blocks", minutes),
            also="AND trial_id IN {trials:Array(String)}",
            many=true,
        ) }}
        {% endif %}
    ) AS source
) AS cells
GROUP BY trial_id
