-- Lines of late that the worker could not decode, and rows that the sink could not store as they were.
SELECT
    (
        SELECT sum(rejected)
        FROM worker_progress FINAL
        WHERE received_minute >= toDateTime({from:DateTime64(3, 'UTC')}, 'UTC')
    ),
    (
        SELECT count()
        FROM pilot_rejects FINAL
        WHERE flow = {foreign:String} AND received_at >= {from:DateTime64(3, 'UTC')}
    )
