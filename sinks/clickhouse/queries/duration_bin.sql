-- The bin of a duration: exact below 256 ms, then 128 bins a doubling: the exponent and seven bits of the mantissa of a
-- double, which holds an integer this small exactly.
toUInt16(if(
    ifNull(duration_ms, 0) < 128,
    ifNull(duration_ms, 0),
    bitShiftRight(reinterpretAsUInt64(toFloat64(ifNull(duration_ms, 0))), 45) - 131712
))
