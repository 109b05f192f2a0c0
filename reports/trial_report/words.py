"""What a report says in both languages, but for names of metrics, arms, platforms and health lines."""

from typing import Final

from reports.metrics import BilingualText, Unit
from reports.trial_report.content import TrialState

REPORT: Final = BilingualText("试验报告", "Trial report")
STATES: Final[dict[TrialState, BilingualText]] = {
    "planned": BilingualText("未开始", "Not started"),
    "running": BilingualText("进行中", "Running"),
    "ended": BilingualText("已结束", "Ended"),
}
AS_OF: Final = BilingualText("数据截至 {time}（上海时间）", "Data as of {time}, Shanghai time")
AS_OF_UNKNOWN: Final = BilingualText(
    "生成于 {time}（上海时间），数据完整到何时不可知",
    "Made {time}, Shanghai time; completeness not known",
)
INTERIM: Final = BilingualText("中期报告：数字还会变化", "Interim: the numbers will still change")
PAGE_OF: Final = BilingualText("第 {page} 页，共 {pages} 页", "Page {page} of {pages}")

# --- facts
TRIAL: Final = BilingualText("试验编号", "Trial")
PERIOD: Final = BilingualText("试验期间", "Trial period")
PERIOD_VALUE: Final = BilingualText("{first} 至 {last}，共 {days} 天", "{first} to {last}, {days} days")
COVERED: Final = BilingualText("本报告统计", "Counted here")
COVERED_VALUE: Final = BilingualText("{start} 起，到 {end} 之前", "from {start} until before {end}")
COVERED_NONE: Final = BilingualText("尚无：试验还没有开始", "nothing yet: the trial has not begun")
BASELINE_PERIOD: Final = BilingualText("基线期", "Baseline period")
BASELINE_VALUE: Final = BilingualText(
    "{start} 起，到试验开始之前；其中的 {events} 个事件不计入任何数字",
    "from {start} until the start; its {events} events are outside every figure here",
)
ARMS: Final = BilingualText("分组", "Arms")
ARMS_VALUE: Final = BilingualText("{arms}；与{baseline}比较", "{arms}; compared with {baseline}")
PLACES: Final = BilingualText("展位", "Placements")
PLACES_VALUE: Final = BilingualText(
    "{placements} 个展位，{places} 处，位于大道 {low}–{high} 米处",
    "{placements} placements at {places} places, {low}–{high} m along the avenue",
)
PLACES_NONE: Final = BilingualText("没有登记展位", "none registered")
PRIMARY: Final = BilingualText("主要指标", "Primary metric")
GUARDRAILS: Final = BilingualText("护栏指标", "Guardrails")
NONE_NAMED: Final = BilingualText("未登记", "none registered")
PLAN: Final = BilingualText("计划", "Plan")
PLAN_VALUE: Final = BilingualText("{units} 个“展位·日”", "{units} placement-days")
PLAN_NONE: Final = BilingualText("未登记计划的“展位·日”数", "no number of placement-days was registered")
EFFECT_VALUE: Final = BilingualText("值得发现的最小差异 {effect}", "smallest difference worth finding {effect}")
POINTS: Final = BilingualText("{n} 个百分点", "{n} points")
REGISTERED: Final = BilingualText("登记册版本", "Registry version")

# --- in brief
HYPOTHESIS: Final = BilingualText("假设", "Hypothesis")
BRIEF: Final = BilingualText("结论摘要", "In brief")
BRIEF_AGAINST: Final = BilingualText(
    "{metric}：{arm} {estimate}，{baseline} {base}。{verdict}",
    "{metric}: {arm} {estimate}, {baseline} {base}. {verdict}",
)
BRIEF_ALONE: Final = BilingualText("{metric}：{arm} {estimate}", "{metric}: {arm} {estimate}")
BRIEF_NOTHING: Final = BilingualText("{metric}：尚无可计算的数据。", "{metric}: nothing to compute from yet.")
DIFFERENCE: Final = BilingualText(
    "差异 {lift}（{confidence}% 区间 {interval}）", "Difference {lift} ({confidence}% interval {interval})"
)
INTERVAL_IN: Final = BilingualText("（{confidence}% 区间 {interval}）", " ({confidence}% interval {interval})")
NOT_YET: Final = BilingualText("（{why}，没有区间）", " ({why}; no interval)")
DAYS_SEEN: Final = BilingualText("“展位·日”", "Placement-days")
DAYS_SEEN_OF: Final = BilingualText("应有 {due} 个", "of {due} due")
PLANNED_OF: Final = BilingualText("应有 {due} 个，计划 {planned} 个", "of {due} due, {planned} planned")
EXACT: Final = BilingualText("精确去重", "counted exactly")

# --- trust
TRUST: Final = BilingualText("先看这里：数据可信吗", "Read this first: how far to trust the numbers")
NOT_FINAL: Final = BilingualText("哪些还没有定论，哪些无从得知", "What is not final, or not known")
HEALTH_STATES: Final = {
    "good": BilingualText("正常", "Good"),
    "warning": BilingualText("注意", "Careful"),
    "bad": BilingualText("异常", "Bad"),
    "unknown": BilingualText("未知", "Not known"),
}

# --- results
RESULTS: Final = BilingualText("主要指标与护栏指标", "Primary metric and guardrails")
RESULTS_NOTE: Final = BilingualText(
    "评判依据在试验开始前登记。区间的可信度为 {confidence}%，随时可读、每天读也不会增加误报；"
    "数据不允许时不给区间，并说明原因。",
    "What the trial is judged by is registered. Intervals hold with {confidence}% confidence at every moment at "
    "once, so "
    "looking at them daily raises no false alarms; where the data do not allow one there is none, and the reason "
    "stands there.",
)
PER_DAY: Final = BilingualText("每“展位·日”", "per placement-day")
METRIC: Final = BilingualText("指标", "Metric")
ARM: Final = BilingualText("分组", "Arm")
ESTIMATE: Final = BilingualText("估计值", "Estimate")
INTERVAL: Final = BilingualText("{confidence}% 区间", "{confidence}% interval")
LIFT: Final = BilingualText("与{baseline}相比", "Against {baseline}")
UNITS: Final = BilingualText("“展位·日”", "Placement-days")
N: Final = BilingualText("n", "n")
TOTAL: Final = BilingualText("合计", "Total")
OTHERS: Final = BilingualText("其余指标，按分组", "All other metrics, by arm")
OTHERS_NOTE: Final = BilingualText(
    "计数类指标的估计值是每“展位·日”的平均，合计在旁；n 是该指标所依据的事件数（在线率为应在线分钟数，"
    "覆盖率为应上报“展位·小时”数）。"
    "指标众多，有些差异纯属偶然：这里的差异只作提示，不作结论。",
    "Counts are estimated as means per placement-day, with the total beside them; n is the events that a metric "
    "stands on "
    "(due minutes for uptime, due placement-hours for coverage). With so many metrics some will differ by chance: "
    "differences here are hints, not findings.",
)
NOTHING_FROM: Final = BilingualText("尚无可计算的数据：{metrics}。", "Nothing to compute from yet: {metrics}.")
PRIMARY_BY_DAY: Final = BilingualText("{metric}，按日、按分组", "{metric} by day and arm")
PRIMARY_BY_DAY_NOTE: Final = BilingualText(
    "空心点与虚线：当天尚未结束，或其中有时段待重算，还会变化。各日的数字见 XLSX 与 JSON 版。",
    "Hollow and dotted: the day is not over, or part of it waits to be recomputed. Each day's number is in the "
    "XLSX and JSON forms.",
)
EVENTS_BY_DAY: Final = BilingualText("事件数，按日、按平台", "Events by day and platform")
LINE_CHART: Final = BilingualText(
    "折线图：{title}，{start} 至 {end}。{lines}", "Line chart: {title}, {start} to {end}. {lines}"
)
LINE_SAID: Final = BilingualText("{name}：从 {first} 到 {last}。", "{name}: from {first} to {last}.")
GRID_CHART: Final = BilingualText(
    "方格图：每个展位每天应上报小时中已上报的份额，{start} 至 {end}；数字见表。",
    "Grid: the share of due hours in which each placement reported, by day, {start} to {end}; the numbers stand "
    "in the table.",
)
NO_CHART: Final = BilingualText("尚无可绘制的数据。", "Nothing to draw yet.")

# --- data
DATA: Final = BilingualText("数据从何而来，缺了什么", "What came, and what did not")
ROW_EVENTS: Final = BilingualText("存储的事件", "Events stored")
ROW_EVENTS_SAID: Final = BilingualText("每个事件计一次", "each event once")
ROW_UNASSIGNED: Final = BilingualText("其中未分组", "Of these, in no arm")
ROW_UNASSIGNED_SAID: Final = BilingualText("计入合计，不参与分组比较", "in the totals, in no comparison")
ROW_LATE: Final = BilingualText("其中迟到", "Of these, late")
ROW_LATE_SAID: Final = BilingualText(
    "晚于所在分钟结束后的宽限期（{grace}）收到，全部计入；最长延迟 {longest}",
    "received after the grace ({grace}) that follows their minute, and all counted; the longest delay was {longest}",
)
ROW_REPEATS: Final = BilingualText("重复到达", "Repeats")
ROW_REPEATS_SAID: Final = BilingualText(
    "再次进入存储的行，同一事件只计一次", "rows that came into the store again; each event counts once"
)
ROW_DOOR: Final = BilingualText("入口识别的重复", "Repeats known at the door")
ROW_DOOR_SAID: Final = BilingualText("已答复为重复，未再存储", "answered as duplicates and not stored again")
ROW_DOOR_UNKNOWN: Final = BilingualText(
    "账号同时代报其他产品，无法归到本试验",
    "the accounts report other products too, so it cannot be told whose they were",
)
ROW_REJECTED: Final = BilingualText("被拒并保留", "Rejected and kept")
ROW_REJECTED_SAID: Final = BilingualText("原因见下表", "by reason in the table below")
ROW_SETTLED: Final = BilingualText("已结算", "Settled")
ROW_SETTLED_SAID: Final = BilingualText(
    "{blocks} 个有数据的五分钟时段中，{settled} 个已由存储的事件重新计算并核对一致",
    "{settled} of {blocks} five-minute windows with data were recomputed from the stored events and agreed",
)
ROW_FLAGGED: Final = BilingualText("待重算或有异", "Flagged windows")
ROW_FLAGGED_SAID: Final = BilingualText(
    "五分钟时段，结算之后又有数据到达，或存在未解释的差异",
    "five-minute windows that got data after they were settled, or that differ unexplained",
)
WHAT: Final = BilingualText("项目", "Item")
COUNT: Final = BilingualText("数量", "Number")
MEANING: Final = BilingualText("说明", "What it is")
SHARE: Final = BilingualText("占比", "Share")
REASON: Final = BilingualText("原因", "Reason")
CODE: Final = BilingualText("代码", "Code")
REJECTS: Final = BilingualText("被拒的事件，按原因", "Rejected events, by reason")
REJECTS_NONE: Final = BilingualText("报告期间没有被拒的事件。", "No event was rejected in this time.")
REJECTS_NOTE: Final = BilingualText(
    "按收到的时间统计；未写明产品或展位的拒收按账号计，可能属于同一账号代报的其他试验。",
    "By time of receipt. A reject that names neither product nor placement is its account's and may belong to "
    "another "
    "trial of that account.",
)
PLACEMENTS: Final = BilingualText("展位的上报情况", "Who reported, by placement")
PLACEMENTS_NOTE: Final = BilingualText(
    "静默不等于无人使用：应上报小时指营业、在册且已结束的整点小时；在线率只对上报过在线或离线状态的展位可知。",
    "Silent is not unused. A due hour is a whole hour that is over, within opening hours and the placement's "
    "time; uptime "
    "is known only of placements that say when they are online or offline.",
)
PLACEMENT: Final = BilingualText("展位", "Placement")
PLATFORM: Final = BilingualText("平台", "Platform")
METRE: Final = BilingualText("位置（米）", "Metre")
DUE_HOURS: Final = BilingualText("应上报小时", "Due hours")
COVERED_HOURS: Final = BilingualText("已上报小时", "Reported")
COVERAGE: Final = BilingualText("覆盖率", "Coverage")
UPTIME: Final = BilingualText("在线率", "Uptime")
UNKNOWN: Final = BilingualText("不可知", "not known")
GRID_NOTE: Final = BilingualText(
    "颜色越深，上报的小时越多；斜线：应上报而全天没有；空白：当天没有应上报的小时。",
    "The darker, the more of the day's due hours reported; crossed: due, and nothing came; blank: nothing was due.",
)
COVERAGE_BY_DAY: Final = BilingualText("覆盖率，按展位、按日", "Coverage by placement and day")

# --- totals
TOTALS: Final = BilingualText("合计", "Totals")
BY_PLATFORM: Final = BilingualText("按平台", "By platform")
BY_PLACEMENT: Final = BilingualText("按展位", "By placement")
WHOLE: Final = BilingualText("整个试验", "Whole trial")
TOTALS_NOTE: Final = BilingualText(
    "人数与会话数按行精确去重，各行之和可能大于合计：同一人可以出现在多行。同一人经两个账号出现时计为两人。",
    "People and sessions are counted exactly in each row; rows may add up to more than the whole, since one "
    "person may "
    "be in several. One person through two accounts counts as two.",
)
FUNNEL: Final = BilingualText("从曝光到下单", "From exposure to order")
FUNNEL_NOTE: Final = BilingualText(
    "人数：一天之内按此顺序走到该步的人，及其占上一步的份额；没有主体标识的事件只计事件数。",
    "People: who came this far in this order within a day, with their share of the step before. Events without a "
    "subject "
    "are counted as events only.",
)
STEP: Final = BilingualText("步骤", "Step")
PEOPLE_AND_SHARE: Final = BilingualText("{people}（{share}）", "{people} ({share})")
EVENTS_OF: Final = BilingualText("{arm}，事件", "{arm}, events")
PEOPLE_OF: Final = BilingualText("{arm}，人数", "{arm}, people")

# --- definitions
DEFINITIONS: Final = BilingualText("指标定义", "Definitions")
LEFT_OUT: Final = BilingualText("不计入", "Left out")
UNIT_NAMES: Final[dict[Unit, BilingualText]] = {
    "events": BilingualText("件", "events"),
    "people": BilingualText("人", "people"),
    "sessions": BilingualText("次", "sessions"),
    "share": BilingualText("份额，以百分数显示", "share, shown as per cent"),
    "ms": BilingualText("毫秒", "milliseconds"),
    "fen": BilingualText("分，以元显示", "fen, shown as yuan"),
    "stars": BilingualText("星，1 至 5", "stars, 1 to 5"),
}
BETTER: Final = {
    "higher": BilingualText("越高越好", "higher is better"),
    "lower": BilingualText("越低越好", "lower is better"),
    "neither": BilingualText("不论高低", "neither way is better"),
}
METHOD: Final = BilingualText("方法", "Method")
METHODS: Final = (
    BilingualText(
        "单位。评判的单位是“展位·日”：一处展位在上海时间一天内的全部事件只算一个单位，"
        "因为同一天同一处的使用并不彼此独立。"
        "应上报而没有事件的“展位·日”不进入平均数，静默不等于零。",
        "Unit. The trial is judged by placement-days: all events of one place on one Shanghai day are one unit, "
        "since uses "
        "at one place on one day are not independent. A placement-day that was due and sent nothing is in no "
        "mean: silent "
        "is not zero.",
    ),
    BilingualText(
        "区间。采用 Waudby-Smith 等人的正态混合置信序列（Annals of Statistics 52(6)，2024），以学生分布修正小样本；"
        "少于 14 个“展位·日”，或各“展位·日”过于悬殊时不给区间。组间差异由两组各取一半风险的区间相减而得，因而偏宽。",
        "Intervals. The normal-mixture confidence sequence of Waudby-Smith et al. (Annals of Statistics 52(6), "
        "2024), with "
        "Student's correction for few units; none below 14 placement-days, or where placement-days differ too "
        "widely. A "
        "difference is made of both arms' intervals at half the risk each, so it is wide rather than narrow.",
    ),
    BilingualText(
        "计数。所有数字由存储的事件精确计算，每个事件计一次；人数、会话数与分位数不用估计。"
        "覆盖率与在线率来自登记的应上报时间。"
        "迟到的事件计入其发生的那一天。",
        "Counting. Every figure is computed from stored events, each counted once; people, sessions and "
        "quantiles are exact, "
        "not estimated. Coverage and uptime stand on the time that the registry says was due. A late event "
        "counts on the "
        "day on which it happened.",
    ),
    BilingualText(
        "身份。系统不存储任何个人身份：人数按带密钥的哈希统计，两个试验之间无法对应。",
        "Identity. No identity is stored: people are counted by keyed hashes that cannot be joined between two trials.",
    ),
    BilingualText(
        "时间与金额。日期和时间均为上海时间（UTC+8）；金额内部以分计，以元显示。",
        "Time and money. All days and times are those of Shanghai (UTC+8). Money is kept in fen and shown in yuan.",
    ),
)

# --- sheets
SHEET_SUMMARY: Final = BilingualText("摘要", "Summary")
SHEET_READOUT: Final = BilingualText("读数", "Readout")
SHEET_DAILY: Final = BilingualText("按日", "By day")
SHEET_PLACEMENTS: Final = BilingualText("展位", "Placements")
SHEET_ARRIVALS: Final = BilingualText("数据与漏斗", "Data and funnel")
SHEET_CUT: Final = BilingualText(
    "此表最多 {rows} 行，其余略去；JSON 版列出全部。", "This sheet ends at {rows} rows; the JSON form has all."
)
SHEET_UNITS: Final[dict[Unit, BilingualText]] = {
    **UNIT_NAMES,
    "share": BilingualText("份额", "share"),
    "fen": BilingualText("元", "yuan"),
}
ID: Final = BilingualText("标识", "Id")
VALUE: Final = BilingualText("内容", "Value")
SPLIT: Final = BilingualText("拆分", "Split")
DAY: Final = BilingualText("日期（上海）", "Day (Shanghai)")
PEOPLE: Final = BilingualText("人数", "People")
LOW: Final = BilingualText("区间下限", "Interval from")
HIGH: Final = BilingualText("区间上限", "Interval to")
WHY: Final = BilingualText("为何没有区间", "Why no interval")
LIFT_ABSOLUTE: Final = BilingualText("差异", "Difference")
LIFT_RELATIVE: Final = BilingualText("相对差异", "Relative difference")
FORMULA: Final = BilingualText("公式", "Formula")
UNIT: Final = BilingualText("单位", "Unit")
