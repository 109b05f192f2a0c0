-- The sums and bins of a share of a cell as one number that adds up over shares: cells are equal in them where it is.
-- Each sum has a factor of its own, and so has each bin; those of the sums are beyond the bins' 16 bits.
toUInt64(events) * intHash64(65537) + toUInt64(failed) * intHash64(65538) + toUInt64(abandoned) * intHash64(65539)
+ toUInt64(duration_count) * intHash64(65540) + toUInt64(duration_ms_sum) * intHash64(65541)
+ toUInt64(amount_count) * intHash64(65542) + toUInt64(amount_fen_sum) * intHash64(65543)
+ toUInt64(rating_count) * intHash64(65544) + toUInt64(rating_sum) * intHash64(65545)
