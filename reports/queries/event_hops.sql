-- Whether a test event's row is here, and a live cell that counts it: one of its minute that the worker wrote after it.
WITH seen AS
(
    SELECT epoch, partition, offset, occurred_at
    FROM pilot_events
    WHERE trial_id = {trial:String} AND account_id = {account:String} AND event_id = {event:String}
)
SELECT
    (SELECT count() FROM seen),
    (
        SELECT count()
        FROM cells_live AS cell
        INNER JOIN seen ON cell.epoch = seen.epoch AND cell.partition = seen.partition
        WHERE cell.product_id = {product:String} AND cell.trial_id = {trial:String}
            AND cell.minute = toStartOfMinute(seen.occurred_at) AND cell.version >= seen.offset
    )
