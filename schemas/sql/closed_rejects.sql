-- Rejects of which there is an event by now: made by a replay, found to be one already, or sent again, corrected, under
-- the same id.
SELECT reject_id FROM replayed_rejects WHERE verdict IN ('accepted', 'duplicate', 'corrected')
