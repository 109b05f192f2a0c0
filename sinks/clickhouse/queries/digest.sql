-- Everything in a cell, in one number: two cells are equal where their digests are.
cityHash64(
    toUInt64(events), toUInt64(failed), toUInt64(abandoned), toUInt64(duration_count), toUInt64(duration_ms_sum),
    CAST(duration_bins, 'Array(UInt16)'), CAST(duration_counts, 'Array(UInt64)'),
    toUInt64(amount_count), toInt64(amount_fen_sum), toUInt64(rating_count), toUInt64(rating_sum),
    CAST(subjects, 'Array(UInt16)'), CAST(sessions, 'Array(UInt16)'), toInt64(first_ms), toInt64(last_ms)
)
