-- Cells by the minute: settled ones where a block was settled, live ones elsewhere.
-- A block's settled cells are written at once, tombstones of vanished ones included, so a block is settled or live as a
-- whole. ClickHouse reads one snapshot of each table within a query: no block is in both halves or in neither.
-- `minutes` and `blocks` are conditions on the minute, of what is asked and of the blocks that it touches; `also` are
-- others; with `many` of several products.
{% macro settled_or_live(columns, minutes, blocks, also="", many=false) %}
{% set whose = "product_id IN {products:Array(String)}" if many else "product_id = {product:String}" %}
{% set block = ("product_id, " if many else "") ~ "toStartOfFiveMinutes(minute)" %}
SELECT {{ columns }}
FROM cells_settled FINAL
WHERE {{ whose }} AND {{ minutes }} {{ also }}
UNION ALL
SELECT {{ columns }}
FROM cells_live FINAL
WHERE {{ whose }} AND {{ minutes }} {{ also }}
    AND ({{ block }}) NOT IN (SELECT {{ block }} FROM cells_settled WHERE {{ whose }} AND {{ blocks }})
{%- endmacro %}
