"""What a report says in both languages, but for names of metrics, arms, platforms and health lines."""

from typing import Final

from reports.metrics import TranslatedText, Unit
from reports.trial_report.content import TrialState

REPORT: Final = TranslatedText("试验报告", "Trial report")
STATES: Final[dict[TrialState, TranslatedText]] = {
    "planned": TranslatedText("未开始", "Not started"),
    "running": TranslatedText("进行中", "Running"),
    "ended": TranslatedText("已结束", "Ended"),
}
AS_OF: Final = TranslatedText("数据截至 {time}（上海时间）", "Data as of {time}, Shanghai time")
AS_OF_UNKNOWN: Final = TranslatedText(
    "生成于 {time}（上海时间），数据完整到何时不可知",
    "Made {time}, Shanghai time; completeness not known",
)
INTERIM: Final = TranslatedText("中期报告：数字还会变化", "Interim: the numbers will still change")
PAGE_OF: Final = TranslatedText("第 {page} 页，共 {pages} 页", "Page {page} of {pages}")

# --- facts
TRIAL: Final = TranslatedText("试验编号", "Trial")
PERIOD: Final = TranslatedText("试验期间", "Trial period")
PERIOD_VALUE: Final = TranslatedText("{first} 至 {last}，共 {days} 天", "{first} to {last}, {days} days")
COVERED: Final = TranslatedText("本报告统计", "Counted here")
COVERED_VALUE: Final = TranslatedText("{start} 起，到 {end} 之前", "from {start} until before {end}")
COVERED_NONE: Final = TranslatedText("尚无：试验还没有开始", "nothing yet: the trial has not begun")
BASELINE_PERIOD: Final = TranslatedText("基线期", "Baseline period")
BASELINE_VALUE: Final = TranslatedText(
    "{start} 起，到试验开始之前；其中的 {events} 个事件不计入任何数字",
    "from {start} until the start; its {events} events are outside every figure here",
)
ARMS: Final = TranslatedText("分组", "Arms")
ARMS_VALUE: Final = TranslatedText("{arms}；与{baseline}比较", "{arms}; compared with {baseline}")
PLACES: Final = TranslatedText("展位", "Placements")
PLACES_VALUE: Final = TranslatedText(
    "{placements} 个展位，{places} 处，位于大道 {low}–{high} 米处",
    "{placements} placements at {places} places, {low}–{high} m along the avenue",
)
PLACES_NONE: Final = TranslatedText("没有登记展位", "none registered")
PRIMARY: Final = TranslatedText("主要指标", "Primary metric")
GUARDRAILS: Final = TranslatedText("护栏指标", "Guardrails")
NONE_NAMED: Final = TranslatedText("未登记", "none registered")
PLAN: Final = TranslatedText("计划", "Plan")
PLAN_VALUE: Final = TranslatedText("{units} 个“展位·日”", "{units} placement-days")
PLAN_NONE: Final = TranslatedText("未登记计划的“展位·日”数", "no number of placement-days was registered")
EFFECT_VALUE: Final = TranslatedText("值得发现的最小差异 {effect}", "smallest difference worth finding {effect}")
POINTS: Final = TranslatedText("{n} 个百分点", "{n} points")
REGISTERED: Final = TranslatedText("登记册版本", "Registry version")

# --- in brief
HYPOTHESIS: Final = TranslatedText("假设", "Hypothesis")
BRIEF: Final = TranslatedText("结论摘要", "In brief")
BRIEF_AGAINST: Final = TranslatedText(
    "{metric}：{arm} {estimate}，{baseline} {base}。{verdict}",
    "{metric}: {arm} {estimate}, {baseline} {base}. {verdict}",
)
BRIEF_ALONE: Final = TranslatedText("{metric}：{arm} {estimate}", "{metric}: {arm} {estimate}")
BRIEF_NOTHING: Final = TranslatedText("{metric}：尚无可计算的数据。", "{metric}: nothing to compute from yet.")
DIFFERENCE: Final = TranslatedText(
    "差异 {lift}（{confidence}% 区间 {interval}）", "Difference {lift} ({confidence}% interval {interval})"
)
INTERVAL_IN: Final = TranslatedText("（{confidence}% 区间 {interval}）", " ({confidence}% interval {interval})")
NOT_YET: Final = TranslatedText("（{why}，没有区间）", " ({why}; no interval)")
DAYS_SEEN: Final = TranslatedText("“展位·日”", "Placement-days")
DAYS_SEEN_OF: Final = TranslatedText("应有 {due} 个", "of {due} due")
PLANNED_OF: Final = TranslatedText("应有 {due} 个，计划 {planned} 个", "of {due} due, {planned} planned")
EXACT: Final = TranslatedText("精确去重", "counted exactly")

# --- trust
TRUST: Final = TranslatedText("先看这里：数据可信吗", "Read this first: how far to trust the numbers")
NOT_FINAL: Final = TranslatedText("哪些还没有定论，哪些无从得知", "What is not final, or not known")
HEALTH_STATES: Final = {
    "good": TranslatedText("正常", "Good"),
    "warning": TranslatedText("注意", "Careful"),
    "bad": TranslatedText("异常", "Bad"),
    "unknown": TranslatedText("未知", "Not known"),
}

# --- results
RESULTS: Final = TranslatedText("主要指标与护栏指标", "Primary metric and guardrails")
RESULTS_NOTE: Final = TranslatedText(
    "评判依据在试验开始前登记。区间的可信度为 {confidence}%，随时可读、每天读也不会增加误报；"
    "数据不允许时不给区间，并说明原因。",
    "What the trial is judged by is registered. Intervals hold with {confidence}% confidence at every moment at "
    "once, so "
    "looking at them daily raises no false alarms; where the data do not allow one there is none, and the reason "
    "stands there.",
)
PER_DAY: Final = TranslatedText("每“展位·日”", "per placement-day")
METRIC: Final = TranslatedText("指标", "Metric")
ARM: Final = TranslatedText("分组", "Arm")
ESTIMATE: Final = TranslatedText("估计值", "Estimate")
INTERVAL: Final = TranslatedText("{confidence}% 区间", "{confidence}% interval")
LIFT: Final = TranslatedText("与{baseline}相比", "Against {baseline}")
UNITS: Final = TranslatedText("“展位·日”", "Placement-days")
N: Final = TranslatedText("n", "n")
TOTAL: Final = TranslatedText("合计", "Total")
OTHERS: Final = TranslatedText("其余指标，按分组", "All other metrics, by arm")
OTHERS_NOTE: Final = TranslatedText(
    "计数类指标的估计值是每“展位·日”的平均，合计在旁；n 是该指标所依据的事件数（在线率为应在线分钟数，"
    "覆盖率为应上报“展位·小时”数）。"
    "指标众多，有些差异纯属偶然：这里的差异只作提示，不作结论。",
    "Counts are estimated as means per placement-day, with the total beside them; n is the events that a metric "
    "stands on "
    "(due minutes for uptime, due placement-hours for coverage). With so many metrics some will differ by chance: "
    "differences here are hints, not findings.",
)
NOTHING_FROM: Final = TranslatedText("尚无可计算的数据：{metrics}。", "Nothing to compute from yet: {metrics}.")
PRIMARY_BY_DAY: Final = TranslatedText("{metric}，按日、按分组", "{metric} by day and arm")
PRIMARY_BY_DAY_NOTE: Final = TranslatedText(
    "空心点与虚线：当天尚未结束，或其中有时段待重算，还会变化。各日的数字见 XLSX 与 JSON 版。",
    "Hollow and dotted: the day is not over, or part of it waits to be recomputed. Each day's number is in the "
    "XLSX and JSON forms.",
)
EVENTS_BY_DAY: Final = TranslatedText("事件数，按日、按平台", "Events by day and platform")
LINE_CHART: Final = TranslatedText(
    "折线图：{title}，{start} 至 {end}。{lines}", "Line chart: {title}, {start} to {end}. {lines}"
)
LINE_SAID: Final = TranslatedText("{name}：从 {first} 到 {last}。", "{name}: from {first} to {last}.")
GRID_CHART: Final = TranslatedText(
    "方格图：每个展位每天应上报小时中已上报的份额，{start} 至 {end}；数字见表。",
    "Grid: the share of due hours in which each placement reported, by day, {start} to {end}; the numbers stand "
    "in the table.",
)
NO_CHART: Final = TranslatedText("尚无可绘制的数据。", "Nothing to draw yet.")

# --- data
DATA: Final = TranslatedText("数据从何而来，缺了什么", "What came, and what did not")
ROW_EVENTS: Final = TranslatedText("存储的事件", "Events stored")
ROW_EVENTS_SAID: Final = TranslatedText("每个事件计一次", "each event once")
ROW_UNASSIGNED: Final = TranslatedText("其中未分组", "Of these, in no arm")
ROW_UNASSIGNED_SAID: Final = TranslatedText("计入合计，不参与分组比较", "in the totals, in no comparison")
ROW_LATE: Final = TranslatedText("其中迟到", "Of these, late")
ROW_LATE_SAID: Final = TranslatedText(
    "晚于所在分钟结束后的宽限期（{grace}）收到，全部计入；最长延迟 {longest}",
    "received after the grace ({grace}) that follows their minute, and all counted; the longest delay was {longest}",
)
ROW_REPEATS: Final = TranslatedText("重复到达", "Repeats")
ROW_REPEATS_SAID: Final = TranslatedText(
    "再次进入存储的行，同一事件只计一次", "rows that came into the store again; each event counts once"
)
ROW_DOOR: Final = TranslatedText("入口识别的重复", "Repeats known at the door")
ROW_DOOR_SAID: Final = TranslatedText("已答复为重复，未再存储", "answered as duplicates and not stored again")
ROW_DOOR_UNKNOWN: Final = TranslatedText(
    "账号同时代报其他产品，无法归到本试验",
    "the accounts report other products too, so it cannot be told whose they were",
)
ROW_REJECTED: Final = TranslatedText("被拒并保留", "Rejected and kept")
ROW_REJECTED_SAID: Final = TranslatedText("原因见下表", "by reason in the table below")
ROW_SETTLED: Final = TranslatedText("已结算", "Settled")
ROW_SETTLED_SAID: Final = TranslatedText(
    "{blocks} 个有数据的五分钟时段中，{settled} 个已由存储的事件重新计算并核对一致",
    "{settled} of {blocks} five-minute windows with data were recomputed from the stored events and agreed",
)
ROW_FLAGGED: Final = TranslatedText("待重算或有异", "Flagged windows")
ROW_FLAGGED_SAID: Final = TranslatedText(
    "五分钟时段，结算之后又有数据到达，或存在未解释的差异",
    "five-minute windows that got data after they were settled, or that differ unexplained",
)
WHAT: Final = TranslatedText("项目", "Item")
COUNT: Final = TranslatedText("数量", "Number")
MEANING: Final = TranslatedText("说明", "What it is")
SHARE: Final = TranslatedText("占比", "Share")
REASON: Final = TranslatedText("原因", "Reason")
CODE: Final = TranslatedText("代码", "Code")
REJECTS: Final = TranslatedText("被拒的事件，按原因", "Rejected events, by reason")
REJECTS_NONE: Final = TranslatedText("报告期间没有被拒的事件。", "No event was rejected in this time.")
REJECTS_NOTE: Final = TranslatedText(
    "按收到的时间统计；未写明产品或展位的拒收按账号计，可能属于同一账号代报的其他试验。",
    "By time of receipt. A reject that names neither product nor placement is its account's and may belong to "
    "another "
    "trial of that account.",
)
PLACEMENTS: Final = TranslatedText("展位的上报情况", "Who reported, by placement")
PLACEMENTS_NOTE: Final = TranslatedText(
    "静默不等于无人使用：应上报小时指营业、在册且已结束的整点小时；在线率只对上报过在线或离线状态的展位可知。",
    "Silent is not unused. A due hour is a whole hour that is over, within opening hours and the placement's "
    "time; uptime "
    "is known only of placements that say when they are online or offline.",
)
PLACEMENT: Final = TranslatedText("展位", "Placement")
PLATFORM: Final = TranslatedText("平台", "Platform")
METRE: Final = TranslatedText("位置（米）", "Metre")
DUE_HOURS: Final = TranslatedText("应上报小时", "Due hours")
COVERED_HOURS: Final = TranslatedText("已上报小时", "Reported")
COVERAGE: Final = TranslatedText("覆盖率", "Coverage")
UPTIME: Final = TranslatedText("在线率", "Uptime")
UNKNOWN: Final = TranslatedText("不可知", "not known")
GRID_NOTE: Final = TranslatedText(
    "颜色越深，上报的小时越多；斜线：应上报而全天没有；空白：当天没有应上报的小时。",
    "The darker, the more of the day's due hours reported; crossed: due, and nothing came; blank: nothing was due.",
)
COVERAGE_BY_DAY: Final = TranslatedText("覆盖率，按展位、按日", "Coverage by placement and day")

# --- totals
TOTALS: Final = TranslatedText("合计", "Totals")
BY_PLATFORM: Final = TranslatedText("按平台", "By platform")
BY_PLACEMENT: Final = TranslatedText("按展位", "By placement")
WHOLE: Final = TranslatedText("整个试验", "Whole trial")
TOTALS_NOTE: Final = TranslatedText(
    "人数与会话数按行精确去重，各行之和可能大于合计：同一人可以出现在多行。同一人经两个账号出现时计为两人。",
    "People and sessions are counted exactly in each row; rows may add up to more than the whole, since one "
    "person may "
    "be in several. One person through two accounts counts as two.",
)
FUNNEL: Final = TranslatedText("从曝光到下单", "From exposure to order")
FUNNEL_NOTE: Final = TranslatedText(
    "人数：一天之内按此顺序走到该步的人，及其占上一步的份额；没有主体标识的事件只计事件数。",
    "People: who came this far in this order within a day, with their share of the step before. Events without a "
    "subject "
    "are counted as events only.",
)
STEP: Final = TranslatedText("步骤", "Step")
PEOPLE_AND_SHARE: Final = TranslatedText("{people}（{share}）", "{people} ({share})")
EVENTS_OF: Final = TranslatedText("{arm}，事件", "{arm}, events")
PEOPLE_OF: Final = TranslatedText("{arm}，人数", "{arm}, people")

# --- definitions
DEFINITIONS: Final = TranslatedText("指标定义", "Definitions")
LEFT_OUT: Final = TranslatedText("不计入", "Left out")
UNIT_NAMES: Final[dict[Unit, TranslatedText]] = {
    "events": TranslatedText("件", "events"),
    "people": TranslatedText("人", "people"),
    "sessions": TranslatedText("次", "sessions"),
    "share": TranslatedText("份额，以百分数显示", "share, shown as per cent"),
    "ms": TranslatedText("毫秒", "milliseconds"),
    "fen": TranslatedText("分，以元显示", "fen, shown as yuan"),
    "stars": TranslatedText("星，1 至 5", "stars, 1 to 5"),
}
BETTER: Final = {
    "higher": TranslatedText("越高越好", "higher is better"),
    "lower": TranslatedText("越低越好", "lower is better"),
    "neither": TranslatedText("不论高低", "neither way is better"),
}
METHOD: Final = TranslatedText("方法", "Method")
METHODS: Final = (
    TranslatedText(
        "单位。评判的单位是“展位·日”：一处展位在上海时间一天内的全部事件只算一个单位，"
        "因为同一天同一处的使用并不彼此独立。"
        "应上报而没有事件的“展位·日”不进入平均数，静默不等于零。",
        "Unit. The trial is judged by placement-days: all events of one place on one Shanghai day are one unit, "
        "since uses "
        "at one place on one day are not independent. A placement-day that was due and sent nothing is in no "
        "mean: silent "
        "is not zero.",
    ),
    TranslatedText(
        "区间。采用 Waudby-Smith 等人的正态混合置信序列（Annals of Statistics 52(6)，2024），以学生分布修正小样本；"
        "少于 14 个“展位·日”，或各“展位·日”过于悬殊时不给区间。组间差异由两组各取一半风险的区间相减而得，因而偏宽。",
        "Intervals. The normal-mixture confidence sequence of Waudby-Smith et al. (Annals of Statistics 52(6), "
        "2024), with "
        "Student's correction for few units; none below 14 placement-days, or where placement-days differ too "
        "widely. A "
        "difference is made of both arms' intervals at half the risk each, so it is wide rather than narrow.",
    ),
    TranslatedText(
        "计数。所有数字由存储的事件精确计算，每个事件计一次；人数、会话数与分位数不用估计。"
        "覆盖率与在线率来自登记的应上报时间。"
        "迟到的事件计入其发生的那一天。",
        "Counting. Every figure is computed from stored events, each counted once; people, sessions and "
        "quantiles are exact, "
        "not estimated. Coverage and uptime stand on the time that the registry says was due. A late event "
        "counts on the "
        "day on which it happened.",
    ),
    TranslatedText(
        "身份。系统不存储任何个人身份：人数按带密钥的哈希统计，两个试验之间无法对应。",
        "Identity. No identity is stored: people are counted by keyed hashes that cannot be joined between two trials.",
    ),
    TranslatedText(
        "时间与金额。日期和时间均为上海时间（UTC+8）；金额内部以分计，以元显示。",
        "Time and money. All days and times are those of Shanghai (UTC+8). Money is kept in fen and shown in yuan.",
    ),
)

# --- sheets
SHEET_SUMMARY: Final = TranslatedText("摘要", "Summary")
SHEET_READOUT: Final = TranslatedText("读数", "Readout")
SHEET_DAILY: Final = TranslatedText("按日", "By day")
SHEET_PLACEMENTS: Final = TranslatedText("展位", "Placements")
SHEET_ARRIVALS: Final = TranslatedText("数据与漏斗", "Data and funnel")
SHEET_CUT: Final = TranslatedText(
    "此表最多 {rows} 行，其余略去；JSON 版列出全部。", "This sheet ends at {rows} rows; the JSON form has all."
)
SHEET_UNITS: Final[dict[Unit, TranslatedText]] = {
    **UNIT_NAMES,
    "share": TranslatedText("份额", "share"),
    "fen": TranslatedText("元", "yuan"),
}
ID: Final = TranslatedText("标识", "Id")
VALUE: Final = TranslatedText("内容", "Value")
SPLIT: Final = TranslatedText("拆分", "Split")
DAY: Final = TranslatedText("日期（上海）", "Day (Shanghai)")
PEOPLE: Final = TranslatedText("人数", "People")
LOW: Final = TranslatedText("区间下限", "Interval from")
HIGH: Final = TranslatedText("区间上限", "Interval to")
WHY: Final = TranslatedText("为何没有区间", "Why no interval")
LIFT_ABSOLUTE: Final = TranslatedText("差异", "Difference")
LIFT_RELATIVE: Final = TranslatedText("相对差异", "Relative difference")
FORMULA: Final = TranslatedText("公式", "Formula")
UNIT: Final = TranslatedText("单位", "Unit")
