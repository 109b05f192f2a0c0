-- Of an event: the registers of its subject and session in a cell, packed (index << 6 | rank).
-- The first 16 hex digits, big-endian; index = low 10 bits, rank = trailing zeros of the rest plus one.
reinterpretAsUInt64(reverse(unhex(substring(subject, 1, 16)))) AS subject_bits,
reinterpretAsUInt64(reverse(unhex(substring(session_id, 1, 16)))) AS session_bits,
toInt64(bitShiftRight(subject_bits, 10)) AS subject_rest,
toInt64(bitShiftRight(session_bits, 10)) AS session_rest,
toUInt16(bitOr(
    bitShiftLeft(bitAnd(subject_bits, 1023), 6),
    least(bitCount(bitXor(subject_rest, subject_rest - 1)), 55)
)) AS subject_register,
toUInt16(bitOr(
    bitShiftLeft(bitAnd(session_bits, 1023), 6),
    least(bitCount(bitXor(session_rest, session_rest - 1)), 55)
)) AS session_register
