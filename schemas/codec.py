"""Encoders and decoders of the hot path, made once: msgspec's are thread-safe and costly to make."""

import msgspec

from schemas.cells import CellRow, ProgressRow, SourceRow
from schemas.lines import CountedEvent, DeliveryLine, RejectLine

encode = msgspec.json.Encoder().encode
decode_counted = msgspec.json.Decoder(CountedEvent).decode
decode_delivery = msgspec.json.Decoder(DeliveryLine).decode
decode_reject = msgspec.json.Decoder(RejectLine).decode
decode_cell = msgspec.json.Decoder(CellRow).decode
decode_progress = msgspec.json.Decoder(ProgressRow).decode
decode_source = msgspec.json.Decoder(SourceRow).decode
