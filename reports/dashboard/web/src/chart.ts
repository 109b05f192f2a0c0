// One line chart. Colours come from the style sheet in both schemes; texts and formatted values from the server.
import { LineChart, type LineSeriesOption } from "echarts/charts";
import {
  AriaComponent,
  GridComponent,
  LegendComponent,
  MarkLineComponent,
  TooltipComponent,
  type AriaComponentOption,
  type GridComponentOption,
  type LegendComponentOption,
  type MarkLineComponentOption,
  type TooltipComponentOption,
} from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import langZH from "echarts/i18n/langZH-obj.js";

import { language, t, whole } from "./texts";

echarts.use([LineChart, GridComponent, TooltipComponent, LegendComponent, MarkLineComponent, AriaComponent, CanvasRenderer]);
echarts.registerLocale("ZH", langZH);

type Option = echarts.ComposeOption<
  | LineSeriesOption
  | GridComponentOption
  | TooltipComponentOption
  | LegendComponentOption
  | MarkLineComponentOption
  | AriaComponentOption
>;

/** [start in Unix ms, value, n, value as text, start as text, 1 where it may still change] */
type Point = readonly [number, number | null, number, string, string, 0 | 1];

interface Line {
  readonly name: string;
  readonly key: string;
  readonly points: readonly Point[];
}

/** [start of the step in Unix ms, number in the list below, what happened] */
type Mark = readonly [number, string, readonly string[]];

/** [start in Unix ms, lowest, highest, both as text] */
type BandPoint = readonly [number, number | null, number | null, string];

/** The period before, and how far earlier weeks reached. */
interface Before extends Line {
  readonly band: readonly BandPoint[];
  readonly bandName: string;
}

interface ChartData {
  readonly title: string;
  readonly unit: string;
  readonly step: "minute" | "hour" | "day";
  readonly from: number;
  readonly to: number;
  readonly lines: readonly Line[];
  readonly before: Before | null;
  readonly marks: readonly Mark[];
  readonly description: string;
}

export interface Drawn {
  dispose(): void;
}

// The axis speaks UTC, moved by Shanghai's offset: days are the street's, wherever the reader sits.
const SHANGHAI_MS = 8 * 3_600_000;
const FEW_POINTS = 45;

/** Draws *data* into *target*, again whenever the size or the colour scheme changes. */
export function chart(target: HTMLElement, data: ChartData): Drawn {
  const instance = echarts.init(target, null, { renderer: "canvas", locale: language === "zh" ? "ZH" : "EN" });
  const paint = (): void => {
    instance.setOption(option(data, colours(target)), { notMerge: true });
    target.dataset["drawn"] = String(data.lines.length);
  };
  paint();
  const sizes = new ResizeObserver(() => instance.resize());
  sizes.observe(target);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", paint);
  return {
    dispose: () => {
      sizes.disconnect();
      scheme.removeEventListener("change", paint);
      instance.dispose();
    },
  };
}

interface Colours {
  readonly lines: readonly string[];
  readonly before: string;
  readonly axis: string;
  readonly grid: string;
  readonly ink: string;
  readonly surface: string;
  readonly font: string;
}

function colours(target: HTMLElement): Colours {
  const style = getComputedStyle(target);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    lines: [1, 2, 3, 4, 5, 6, 7, 8].map((number) => read(`--chart-${number}`)),
    before: read("--chart-before"),
    axis: read("--chart-axis"),
    grid: read("--chart-grid"),
    ink: read("--ink"),
    surface: read("--surface"),
    font: style.fontFamily,
  };
}

// The two usual arms keep their colours whatever else is drawn.
const OWN_COLOUR: Readonly<Record<string, number>> = { pilot: 0, baseline: 1 };

function colourOf(line: Line, index: number, paint: Colours): string {
  if (line.key === "before") return paint.before;
  return paint.lines[OWN_COLOUR[line.key] ?? index % paint.lines.length] ?? paint.axis;
}

function option(data: ChartData, paint: Colours): Option {
  const lines = data.before ? [...data.lines, data.before] : data.lines;
  const band = bandSeries(data.before, paint);
  const text = { color: paint.axis, fontFamily: paint.font, fontSize: 12 };
  return {
    animation: false,
    useUTC: true,
    textStyle: { fontFamily: paint.font },
    aria: { enabled: true, label: { description: data.description } },
    grid: { left: 8, right: 18, top: lines.length > 1 ? 40 : 18, bottom: 4, containLabel: true },
    legend: {
      show: lines.length > 1,
      type: "scroll",
      left: 4,
      top: 2,
      itemWidth: 18,
      itemHeight: 8,
      icon: "roundRect",
      textStyle: { ...text, color: paint.ink },
      pageTextStyle: text,
      data: [...lines.map((line) => line.name), ...(band.length > 0 ? [data.before?.bandName ?? ""] : [])],
    },
    tooltip: {
      trigger: "axis",
      confine: true,
      backgroundColor: paint.surface,
      borderColor: paint.grid,
      padding: [8, 12],
      axisPointer: { lineStyle: { color: paint.axis, type: "solid", opacity: 0.5 } },
      formatter: (hovered: unknown) => tip(hovered, lines, data, paint),
    },
    xAxis: {
      type: "time",
      min: data.from + SHANGHAI_MS,
      max: lastStart(lines, data) + SHANGHAI_MS,
      axisLine: { lineStyle: { color: paint.grid } },
      axisTick: { show: false },
      splitLine: { show: false },
      axisLabel: { ...text, hideOverlap: true, formatter: TIMES[language === "zh" ? "zh" : "en"] },
    },
    yAxis: {
      type: "value",
      scale: data.unit === "share" || data.unit === "stars",
      minInterval: ["events", "people", "sessions"].includes(data.unit) ? 1 : 0,
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: paint.grid } },
      axisLabel: { ...text, formatter: (value: number) => axisText(value, data.unit) },
    },
    series: [
      ...band,
      ...marked(
        lines.flatMap((line, index) => drawnTwice(line, colourOf(line, index, paint), lines.length === 1)),
        data,
        paint,
      ),
    ],
  };
}

/** What happened, as upright lines of the first series; the numbers stand in the list below the chart. */
function marked(series: LineSeriesOption[], data: ChartData, paint: Colours): LineSeriesOption[] {
  const [first, ...others] = series;
  if (first === undefined || data.marks.length === 0) return series;
  const markLine: LineSeriesOption["markLine"] = {
    silent: true,
    animation: false,
    symbol: "none",
    lineStyle: { color: paint.axis, type: "solid", width: 1, opacity: 0.7 },
    label: { position: "end", distance: 2, color: paint.ink, fontFamily: paint.font, fontSize: 11, formatter: "{b}" },
    data: data.marks.map(([at, name]) => ({ xAxis: at + SHANGHAI_MS, name })),
  };
  return [{ ...first, markLine }, ...others];
}

const TIMES = {
  zh: { year: "{yyyy}年", month: "{M}月", day: "{M}月{d}日", hour: "{HH}:{mm}", minute: "{HH}:{mm}" },
  en: { year: "{yyyy}", month: "{MMM}", day: "{d} {MMM}", hour: "{HH}:{mm}", minute: "{HH}:{mm}" },
};

function lastStart(lines: readonly Line[], data: ChartData): number {
  const ends = lines.filter((line) => line.key !== "before").map((line) => line.points.at(-1)?.[0] ?? data.from);
  return Math.max(data.from, ...ends);
}

/** The band is two stacked series of one name: its lower edge, unseen, and on that its height, filled. */
function bandSeries(before: Before | null, paint: Colours): LineSeriesOption[] {
  if (!before || before.band.length === 0) return [];
  const shared: LineSeriesOption = {
    type: "line",
    name: before.bandName,
    stack: "band",
    stackStrategy: "all",
    color: paint.before,
    lineStyle: { opacity: 0 },
    itemStyle: { color: paint.before },
    emphasis: { disabled: true },
    showSymbol: false,
    silent: true,
    z: 0,
  };
  const edge = before.band.map(([at, low]): Place => [at + SHANGHAI_MS, low]);
  const height = before.band.map(
    ([at, low, high]): Place => [at + SHANGHAI_MS, low === null || high === null ? null : high - low],
  );
  return [
    { ...shared, data: edge },
    { ...shared, data: height, areaStyle: { color: paint.before, opacity: 0.22 } },
  ];
}

/** One line is two series of one name: what holds, solid; what may still change, dotted, joined to its last sure point. */
function drawnTwice(line: Line, colour: string, alone: boolean): LineSeriesOption[] {
  const before = line.key === "before";
  const shared: LineSeriesOption = {
    type: "line",
    name: line.name,
    color: colour,
    lineStyle: { width: before ? 1.4 : 2, color: colour, type: before ? [5, 4] : "solid" },
    itemStyle: { color: colour },
    emphasis: { disabled: true },
    connectNulls: false,
    z: before ? 1 : 3,
  };
  const open = line.points.map((point) => point[5] === 1);
  const sure = line.points.map((point, index) => place(point, !open[index]));
  const unsure = line.points.map((point, index) => place(point, open[index] === true || open[index + 1] === true));
  const solid: LineSeriesOption = { ...shared, ...symbols(sure), data: sure };
  if (alone) solid.areaStyle = { color: colour, opacity: 0.09 };
  if (!open.includes(true)) return [solid];
  const dotted: LineSeriesOption = {
    ...shared,
    ...symbols(unsure, sure),
    data: unsure,
    lineStyle: { width: 2, color: colour, type: "dotted" },
  };
  return [solid, dotted];
}

type Place = [number, number | null];

function place(point: Point, shown: boolean): Place {
  return [point[0] + SHANGHAI_MS, shown ? point[1] : null];
}

/** Dots where points are few, and always on one that stands alone: no line would show it. */
function symbols(points: readonly Place[], drawnAlready?: readonly Place[]): LineSeriesOption {
  const few = points.length <= FEW_POINTS;
  const has = (index: number): boolean => points[index]?.[1] != null;
  return {
    showSymbol: true,
    symbol: "circle",
    symbolSize: (_value: unknown, at: { dataIndex: number }) => {
      const index = at.dataIndex;
      if (drawnAlready?.[index]?.[1] != null) return 0;
      const alone = !has(index - 1) && !has(index + 1);
      return few ? 5 : alone ? 4 : 0;
    },
  };
}

function axisText(value: number, unit: string): string {
  switch (unit) {
    case "share":
      return `${Math.round(value * 1000) / 10}%`;
    case "fen":
      return `¥${whole(value / 100)}`;
    case "ms":
      return value < 1000 ? `${whole(value)} ms` : `${Math.round(value / 100) / 10} s`;
    default:
      return Number.isInteger(value) ? whole(value) : String(Math.round(value * 100) / 100);
  }
}

/** The tooltip, built of elements: an inline style in HTML text would be refused by the page's policy. */
function tip(hovered: unknown, lines: readonly Line[], data: ChartData, paint: Colours): HTMLElement {
  const box = element("div", "tip");
  const first = Array.isArray(hovered) ? (hovered[0] as { axisValue?: number } | undefined) : undefined;
  const at = (first?.axisValue ?? 0) - SHANGHAI_MS;
  const rows = lines.flatMap((line, index) => {
    const point = line.points.find((candidate) => candidate[0] === at);
    return point ? [{ line, point, colour: colourOf(line, index, paint) }] : [];
  });
  const title = element("p", "", rows[0]?.point[4] ?? "");
  if (rows.some((row) => row.point[5] === 1)) title.append(", ", t("may still change"));
  const table = element("table", "");
  for (const row of rows) {
    const tr = element("tr", "");
    const name = element("td", "", row.line.name);
    const dot = element("td", "");
    dot.append(swatch(row.colour));
    const count = element("td", "num n", t("n"));
    count.append(` ${whole(row.point[2])}`);
    tr.append(dot, name, element("td", "num", row.point[3]), count);
    table.append(tr);
  }
  const range = data.before?.band.find((candidate) => candidate[0] === at);
  if (range?.[3]) {
    const tr = element("tr", "");
    const across = element("td", "num", range[3]);
    across.setAttribute("colspan", "2");
    tr.append(element("td", ""), element("td", "", data.before?.bandName ?? ""), across);
    table.append(tr);
  }
  box.append(title, table);
  for (const [start, , texts] of data.marks) if (start === at) box.append(...texts.map((text) => element("p", "", text)));
  return box;
}

function swatch(colour: string): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 10 10");
  svg.setAttribute("width", "10");
  svg.setAttribute("height", "10");
  const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  for (const [name, value] of [["cx", "5"], ["cy", "5"], ["r", "4"], ["fill", colour]] as const) dot.setAttribute(name, value);
  svg.append(dot);
  return svg;
}

function element(tag: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}
