# ruff: noqa: E501 - a sentence reads best on a line of its own
"""The grammar of local articles: `{a|b}` is a choice, `{name}` a phrase of that pool, `{kw}` a keyword of the task"

Written so that no eight neighbouring words are fixed: articles of one run must hardly share an eight-word sequence.
No hyphens and no apostrophes, so that every way of counting words gives the same number.
"""

from __future__ import annotations

from dataclasses import dataclass

Pool = tuple[str, ...]


def _pool(text: str) -> Pool:
    return tuple(" ".join(entry.split()) for entry in text.split(";") if entry.strip())


POOLS: dict[str, Pool] = {
    "who_adj": _pool(
        "careful; experienced; cautious; practical; busy; patient; thrifty; ambitious; local;"
        " independent; seasoned;"
        "sceptical; prudent; curious; newer; established; smaller; larger; growing; attentive;"
        " sensible; demanding;"
        "well informed; methodical; first time; returning; modest; confident; forward looking; level headed"
    ),
    "who": _pool(
        "buyers; owners; teams; managers; founders; planners; operators; customers; clients; readers;"
        " newcomers;"
        "specialists; advisers; organisers; practitioners; beginners; companies; directors;"
        " coordinators; analysts;"
        "partners; professionals; entrepreneurs; supervisors; decision makers; researchers;"
        " consultants; employers"
    ),
    "whos": _pool(
        "{who_adj} {who}; most {who_adj} {who}; many {who}; {who_adj} {who}; {who_adj} {who};"
        " some {who_adj} {who};"
        "{who} with {little|limited|enough|ample} {time|experience|patience}; a few {who_adj} {who};"
        "{who} in {small|large|young|older} {organisations|firms|groups};"
        " the {better prepared|less hurried|more patient|most thorough} {who}"
    ),
    "adv": _pool(
        "usually; often; quietly; regularly; sensibly; deliberately; gradually; carefully;"
        " rarely fail to; tend to;"
        "normally; learn to; prefer to; like to; routinely; try to; promptly; patiently; openly; eventually"
    ),
    "verb": _pool(
        "compare; check; question; review; study; weigh; verify; record; test; inspect; track; map;"
        " rank; revisit;"
        "document; summarise; discuss; sort; examine; outline; clarify; monitor; confirm; list;"
        " assess; sketch"
    ),
    "verbing": _pool(
        "comparing; checking; questioning; reviewing; studying; weighing; verifying; recording;"
        " testing; inspecting;"
        "tracking; mapping; ranking; documenting; summarising; discussing; sorting; examining;"
        " clarifying; listing"
    ),
    "adj": _pool(
        "real; hidden; early; written; recent; likely; monthly; seasonal; minor; basic; expected;"
        " stated; current;"
        "previous; open; common; main; final; competing; realistic; awkward; obvious; smaller;"
        " remaining; important;"
        "relevant; practical; local; shared; critical; typical; less visible"
    ),
    "modal": _pool("should; can; may want to; ought to; do well to; might; need to; would be wise to; could"),
    "good": _pool(
        "useful; sensible; reliable; sound; valuable; healthy; honest; workable; durable; simple;"
        " solid; fair; calm;"
        "realistic; helpful; sturdy; balanced"
    ),
    "when": _pool(
        "at the {start|end|middle} of {a|each|every} {project|season|quarter|cycle};"
        "before the {first|next|final} {meeting|payment|delivery|deadline};"
        "in the {first|second|third} {week|month|phase};"
        " as soon as {dates|figures|names|terms} are {known|settled};"
        "well ahead of the {busy|final|decisive} {period|stretch|date};"
        "while there is {still|enough|some} {time|room|slack} to {adjust|decide|reconsider};"
        "every {few weeks|second month|quarter|other Friday};"
        " on a {quiet|regular|free} {morning|afternoon|day};"
        "during {a calm|one unhurried|the weekly} {hour|conversation|review};"
        "whenever {plans|prices|needs|circumstances} {change|shift|move};"
        " once {a month|a quarter|a season};"
        "long before {pressure|urgency|habit} {sets in|takes over|decides};"
        " from the {outset|first day|beginning}"
    ),
    "how": _pool(
        "with a {short|simple|shared|dated} {list|note|table|checklist};"
        " in {plain|simple|clear|everyday} {words|language|terms};"
        "without {haste|fuss|drama|guesswork}; {step by step|bit by bit|item by item|line by line|one by one};"
        " on {a single|one|a fresh|an empty} {page|sheet|screen};"
        "together with {a colleague|an adviser|a partner|an outsider};"
        " in {small|steady|measured} {steps|stages|portions};"
        "with {modest|realistic|clear} {expectations|aims|limits};"
        " against {a fixed|an agreed|a written} {standard|budget|yardstick};"
        "by {hand|phone|letter|appointment|trial|example}; from {two|three|several} {angles|sources|directions};"
        "with {numbers|examples|evidence} {at hand|in view|on the table}"
    ),
    "truth": _pool(
        "{memory|enthusiasm|habit|optimism} {rarely|seldom|hardly ever} {replaces|beats|outlasts} {evidence|a plain record|preparation};"
        "{small|early|quiet} {corrections|questions|doubts} {cost|weigh} {less|far less} than {late|large|public} {repairs|regrets|reversals};"
        "{nobody|no one|hardly anyone} {remembers|recalls} {every|each} {detail|number|promise} {later|afterwards|months on};"
        "{good|clear|fair} {arrangements|decisions|habits} {survive|outlive|withstand} {bad|busy|uncertain} {weeks|seasons|moods};"
        "{details|exceptions|side effects} {surface|appear|emerge} {later than|sooner than|just when} {hoped|expected|planned};"
        "{a second|one more|an outside} {opinion|look|reading} {often|usually|regularly} {reveals|uncovers|shows} {a gap|a risk|an option};"
        "{patience|clarity|order} {pays|counts|matters} {most|more} when {money|time|attention} is {short|tight|scarce};"
        "{what|whatever} is {written down|measured|agreed early} {can|will} {be improved|be repeated|stand} {later|again|with ease}"
    ),
    "opener": _pool(
        "In {daily|everyday|ordinary} {practice|work}; As a {rule|first step|precaution};"
        " For {this|that|the same} reason;"
        "In {many|most|some} {cases|situations|projects}; Over {time|the months|several seasons};"
        " More often than not;"
        "Looking {closer|back|ahead}; Under {pressure|normal conditions|tight deadlines};"
        " On {paper|balance|closer inspection};"
        "At {this|that} {point|stage}; Beyond the {obvious|headline|first impression};"
        " With {hindsight|practice|some distance};"
        "Seen {calmly|from outside|over a year}; In {quieter|leaner|busier} {times|months};"
        " Where {possible|budgets allow|doubts remain};"
        "Sooner or later; To {begin|start} with; By {contrast|comparison}; Quite {often|simply};"
        " Before {long|anything else}"
    ),
    "effect": _pool(
        "saves {time|effort|money|arguments}; prevents {surprises|delays|misunderstandings};"
        " builds {trust|confidence|momentum};"
        "keeps {options|choices|doors} open; makes {comparison|planning|review} {easier|simpler|fairer};"
        "reduces {stress|waste|risk|noise}; brings {weak|doubtful|forgotten} {points|spots|items} to light;"
        "gives {everyone|the team|both sides} {a clear|a common|a calmer} {picture|basis|starting point};"
        "shortens the {search|discussion|waiting time}; protects the {budget|schedule|relationship}"
    ),
    "num": _pool("two; three; four; five; six; seven; ten; twelve; fifteen; twenty; thirty"),
    "period": _pool("days; weeks; months; working days; meetings; quarters; attempts; reviews"),
}


@dataclass(frozen=True)
class Theme:
    """What one section is about;"
    " `headings` name the section, the pools fill the frames' `{thing}`, `{action}` and so on."""

    headings: Pool
    things: Pool
    actions: Pool
    outcomes: Pool
    hazards: Pool


THEMES: dict[str, Theme] = {
    "basics": Theme(
        headings=_pool(
            "What {kw} {means|involves} in practice; The {basics|essentials|foundations} of {kw};"
            "How {kw} {works|fits together}; Understanding {kw}; Where {kw} {starts|begins};"
            " {kw} in {brief|plain words}"
        ),
        things=_pool(
            "terms; definitions; roles; expectations; limits; needs; goals; starting points; motives;"
            " rules; facts;"
            "responsibilities; assumptions; priorities; differences; boundaries"
        ),
        actions=_pool(
            "write down the {main|true|immediate} {aim|purpose|need};"
            " separate {needs|facts} from {wishes|opinions};"
            "agree on {a few|three|common} {terms|words|rules};"
            " name {one|a single|the responsible} {person|contact|owner};"
            "read the {short|official|latest} {summary|guidance|description};"
            " draw a {rough|simple|small} {picture|diagram|outline};"
            "explain the {idea|plan|goal} to {a newcomer|someone else|a friend};"
            " collect {examples|open questions|early impressions}"
        ),
        outcomes=_pool(
            "the {purpose|goal|idea} {stays|becomes|remains} {clear|visible|easy to explain};"
            "everyone {speaks|uses} the same {language|terms};"
            " {discussions|meetings} {end|finish} {sooner|earlier|on time};"
            "the {first|next|hardest} {choice|question} {answers itself|becomes easier|loses its weight};"
            "{newcomers|helpers|partners} {find|know} their {place|part|task} {quickly|without help};"
            "{whatever|all that} {follows|remains|comes later} {needs|takes} {little|less} {effort|persuasion|discussion}"
        ),
        hazards=_pool(
            "{words|terms|labels} {mean|suggest|imply} {different|conflicting|unrelated} things to {different|other|distant} {people|readers|departments};"
            "the {goal|purpose|scope} {drifts|changes} {unnoticed|halfway|from week to week};"
            "{nobody|no single person} {feels|is} {responsible|in charge|asked};"
            "{assumptions|rumours|habits} {replace|crowd out} {facts|questions|proper research};"
            "a {vague|borrowed|hurried} {idea|definition} {spreads|hardens} {too soon|into a plan}"
        ),
    ),
    "cost": Theme(
        headings=_pool(
            "What {kw} {costs|really costs}; The {price|budget} behind {kw}; {Paying|Budgeting} for {kw};"
            "{kw} and {money|the budget}; Costs that come with {kw}"
        ),
        things=_pool(
            "fees; deposits; instalments; quotes; invoices; surcharges; discounts; running costs;"
            " prices; margins;"
            "reserves; expenses; payment dates; allowances; taxes; estimates"
        ),
        actions=_pool(
            "ask for {a written|an itemised|a dated|a second} quote;"
            " add up the {yearly|full|whole} {cost|amount|bill};"
            "set aside a {small|modest|sensible} {reserve|buffer|cushion};"
            " divide the {sum|price|total} by {months|uses|units};"
            "separate {fixed|one off} from {variable|repeated} {costs|items|charges};"
            " negotiate {one|each|a single} {point|item} at a time;"
            "compare {at least three|several|two independent} {offers|prices|bids};"
            " plan for {a lean|a slow|an expensive} {month|quarter|season}"
        ),
        outcomes=_pool(
            "the {total|final bill|amount due} {stays|remains} {predictable|visible|manageable};"
            "{cash|money} is {available|at hand} when {it is needed|a chance appears|bills arrive};"
            "{offers|prices} can be {compared|judged|ranked} {fairly|line by line|at a glance};"
            "the {budget|account} {survives|absorbs} a {bad|weak|costly} {month|surprise|season};"
            "{savings|reserves} {grow|build up} {slowly|steadily|in the background}"
        ),
        hazards=_pool(
            "a {small|monthly|forgotten} {surcharge|fee|subscription} {grows|continues} {unnoticed|for years|in silence};"
            "{cheap|tempting|low} {offers|prices} {hide|carry} {expensive|unpleasant|long} {conditions|extras|commitments};"
            "{payments|invoices} {fall due|arrive} {together|at the wrong moment|earlier than thought};"
            "the {cheapest|first|loudest} {offer|quote} {wins|is taken} {by default|without comparison};"
            "{currency|interest|market} {changes|movements} {eat|reduce} the {margin|saving|advantage}"
        ),
    ),
    "choosing": Theme(
        headings=_pool(
            "How to {choose|select|compare} {kw}; {Choosing|Selecting} {kw} with {care|confidence};"
            " Options for {kw};"
            "{kw}: {comparing|weighing} the options; What to look for in {kw}"
        ),
        things=_pool(
            "options; offers; features; references; criteria; samples; alternatives; guarantees;"
            " ratings; providers;"
            "conditions; trade offs; comparisons; strengths; weaknesses; shortlists"
        ),
        actions=_pool(
            "rank the {criteria|options|wishes} by {weight|effect|urgency};"
            " ask {two|three|former} {clients|users|customers} for {their view|a reference|details};"
            "try a {small|short|limited} {sample|trial|pilot};"
            " read the {critical|recent|longer} {reviews|reports|comments};"
            "drop {any|every|each} {option|offer} that {fails|misses} {one|a key|the first} {test|condition};"
            "score {each|every} {offer|candidate|option} {on its own|separately|before talking};"
            "keep a {reserve|second|fallback} {choice|option|candidate};"
            " sleep on the {decision|choice|final pick}"
        ),
        outcomes=_pool(
            "the {better|right|suitable} {option|offer|candidate} {stands out|becomes plain|wins on merit};"
            "{regrets|doubts|second thoughts} {stay|remain} {rare|small|manageable};"
            "the {choice|decision} can be {explained|defended|repeated} {later|to anyone|in a sentence};"
            "{weak|unsuitable|overpriced} {offers|options} {drop out|disappear} {early|on their own};"
            "{quality|fit|value} {counts|weighs} {more|heavier} than {noise|fashion|habit}"
        ),
        hazards=_pool(
            "{polished|glossy|clever} {presentations|brochures|websites} {hide|cover} {thin|weak} {service|substance|support};"
            "{too many|endless|similar} {options|features} {paralyse|tire|confuse} the {group|team|reader};"
            "the {familiar|nearest|latest} {name|brand|option} {wins|is preferred} {without a test|out of habit};"
            "{one|a single} {loud|strong|senior} {voice|opinion} {decides|dominates} {too soon|the meeting};"
            "{ratings|rankings|lists} {mix|confuse} {different|unlike} {needs|budgets|purposes}"
        ),
    ),
    "planning": Theme(
        headings=_pool(
            "{Planning|Preparing} {kw} step by step; A {plan|roadmap|timetable} for {kw};"
            " First steps with {kw};"
            "{kw}: from {idea|plan} to {action|result}; Getting {kw} under way"
        ),
        things=_pool(
            "steps; milestones; deadlines; tasks; dates; dependencies; resources; checkpoints;"
            " drafts; approvals;"
            "timelines; hand overs; preparations; stages; calendars; workloads"
        ),
        actions=_pool(
            "break the {work|plan|project} into {weekly|small|visible} {tasks|pieces|steps};"
            "fix {one|a single|the next} {date|milestone|deadline} {first|in public};"
            " leave {some|a little|enough} {room|slack|time} for {delays|changes|errors};"
            "start with {the hardest|one small|a reversible} {part|step|task};"
            " assign {each|every} {task|step} to {one name|a person|a pair};"
            "check {progress|results|the schedule} {weekly|twice a month|every Monday};"
            " stop work that {no longer|hardly|barely} {helps|serves|pays};"
            "prepare {a second|a slower|an emergency} {route|plan|version}"
        ),
        outcomes=_pool(
            "{progress|the work} {stays|becomes} {visible|measurable|steady};"
            " {delays|problems} {show|surface} {early|while they are small};"
            "the {next|following} {step|task} is {always|already} {known|clear|prepared};"
            "{people|helpers|teams} {finish|deliver} {calmly|on time|with energy left};"
            "the {plan|schedule} {bends|adapts} {without breaking|when facts change|in good time}"
        ),
        hazards=_pool(
            "{everything|too much} is {planned|expected|promised} for the {same|first|final} {week|month|deadline};"
            "a {single|late|missing} {approval|part|answer} {stops|blocks} the {whole|entire} {plan|line|project};"
            "{plans|schedules} {look|seem} {perfect|complete|convincing} and {fail|stall|slip} {later|in practice|under pressure};"
            "{holidays|seasons|absences} are {forgotten|ignored|underestimated} {again|every year};"
            "{urgent|loud|minor} {tasks|requests} {push aside|replace} the {important|quiet|planned} {ones|work}"
        ),
    ),
    "risk": Theme(
        headings=_pool(
            "{Risks|Pitfalls} of {kw}; Mistakes to avoid with {kw}; When {kw} {disappoints|goes wrong};"
            "{kw}: {risks|limits} and remedies; Staying safe with {kw}"
        ),
        things=_pool(
            "risks; mistakes; warnings; gaps; exclusions; delays; complaints; conflicts; errors;"
            " failures; clauses;"
            "weak points; penalties; exceptions; disputes; side effects"
        ),
        actions=_pool(
            "imagine the {worst|slowest|most expensive} {case|outcome|week};"
            " read the {small print|exclusions|exit terms} {twice|aloud|first};"
            "agree on {a way out|an exit|a stopping point};"
            " insure {only|at least} the {large|rare|serious} {losses|cases|items};"
            "report {errors|doubts|near misses} {early|openly|the same day};"
            " keep {copies|records|proof} in {two|separate|safe} {places|formats};"
            "limit the {first|initial} {order|step|commitment};"
            " test the {weakest|oldest|least known} {part|link|assumption}"
        ),
        outcomes=_pool(
            "{damage|loss} {stays|remains} {small|limited|local};"
            " a {mistake|setback|failure} {teaches more|costs less|hurts less} than {feared|expected|usual};"
            "{warnings|early signs} are {noticed|taken seriously|passed on} {in time|by everyone};"
            "{trust|confidence} {survives|returns after} a {bad|difficult} {day|month|experience};"
            "{help|support} {arrives|is found} {before|long before} {panic|the deadline|real trouble}"
        ),
        hazards=_pool(
            "{warnings|small signs|complaints} are {explained away|filed|overlooked} {for weeks|too easily};"
            "{one|a single} {supplier|person|document} {carries|holds} the {whole|entire} {weight|risk|knowledge};"
            "{promises|agreements} {exist|were made} {only|merely} {by phone|in conversation|from memory};"
            "{rules|laws|standards} {change|tighten} {between|during} {orders|projects|seasons};"
            "{success|routine|speed} {makes|leaves} {people|teams} {careless|overconfident|blind to change}"
        ),
    ),
    "proof": Theme(
        headings=_pool(
            "{Documents|Records|Evidence} for {kw}; {Measuring|Judging} {kw};"
            " What the numbers say about {kw};"
            "{kw}: {facts|figures} worth keeping; Signs that {kw} {works|pays off}"
        ),
        things=_pool(
            "records; figures; reports; documents; results; statements; measurements; statistics;"
            " receipts; contracts;"
            "benchmarks; certificates; forecasts; observations; ledgers; trends"
        ),
        actions=_pool(
            "keep {one|a single|a dated} {file|folder|record};"
            " measure the {same|agreed|few important} {things|figures|results} {each|every} {month|time};"
            "note the {date|source|reason} {beside|with} {each|every} {figure|change|decision};"
            "compare {results|figures} with {last year|the forecast|a neighbour};"
            "publish {good|all|weak} {numbers|results} {alike|without delay|in one place};"
            " ask what {would|could} {disprove|change|explain} the {number|claim|trend};"
            "store {contracts|receipts|reports} where {others|successors|auditors} {find|expect} them;"
            " round {estimates|forecasts} {honestly|down|to whole numbers}"
        ),
        outcomes=_pool(
            "{claims|promises} can be {checked|proved|compared} {within minutes|by anyone|later};"
            "{trends|patterns} {appear|show} {early|before opinions form|in plain sight};"
            "{talks|audits|reviews} {rest|build} on {facts|the same figures|shared records};"
            "{improvement|progress} {becomes|is} {visible|countable|hard to dispute};"
            "{successors|colleagues} {understand|can follow} {each|every} {step|decision} {without help|years later}"
        ),
        hazards=_pool(
            "{figures|reports} {arrive|are read} {too late|by nobody|out of context};"
            "{averages|totals|percentages} {hide|blur} {important|large|local} {differences|outliers|losses};"
            "{paper|data|files} {piles up|gets lost} in {private|separate|forgotten} {folders|drawers|inboxes};"
            "{success|growth} is {claimed|assumed|reported} {without|before} {proof|any measurement};"
            "{old|borrowed|foreign} {numbers|examples} {guide|support} {new|local|different} {decisions|plans}"
        ),
    ),
    "people": Theme(
        headings=_pool(
            "{People|Partners} behind {kw}; {Working|Talking} with others on {kw};"
            " Who {helps|decides} when it comes to {kw};"
            "{kw} as a {shared|joint} task; Support for {kw}"
        ),
        things=_pool(
            "roles; conversations; agreements; promises; habits; skills; opinions; contacts;"
            " meetings; partners; replies;"
            "introductions; questions; feedback rounds; commitments; handbooks"
        ),
        actions=_pool(
            "call the {contact|adviser|supplier} {directly|once a week|before noon};"
            " invite {one|an outside|a critical} {voice|guest|view};"
            "thank {helpers|partners|early critics} {by name|in person|soon};"
            " answer {questions|letters|complaints} within {a day|hours|the week};"
            "share {drafts|numbers|doubts} {early|freely|before decisions};"
            " train {two|several|new} {people|colleagues|deputies} for {each|the same} {task|role};"
            "repeat {agreements|results|next steps} in {writing|one sentence|a short mail};"
            " listen to {quiet|former|new} {members|customers|staff}"
        ),
        outcomes=_pool(
            "{answers|decisions} {arrive|come} {faster|sooner|with fewer meetings};"
            "{knowledge|experience} {stays|remains} in the {house|team|region} when {someone|a colleague} {leaves|moves on};"
            "{partners|suppliers|neighbours} {offer|bring} {ideas|help|better terms} {unasked|of their own accord};"
            "{conflicts|frictions} are {settled|named|solved} {early|in person|without lasting harm};"
            "{cooperation|service} {improves|deepens} {year by year|with each project|quietly}"
        ),
        hazards=_pool(
            "{messages|requests} {wander|circulate} {for days|without an answer|in copies of copies};"
            "{experts|insiders} {forget|overlook} what {beginners|outsiders|customers} {need|ask|do not know};"
            "{silence|politeness} is {taken|mistaken} for {agreement|interest|approval};"
            "{key|trusted|experienced} {people|contacts} {leave|retire|change jobs} {without notice|mid project};"
            "{too many|unclear} {voices|roles|channels} {slow|weaken} {every|each} {reply|decision}"
        ),
    ),
    "future": Theme(
        headings=_pool(
            "{kw} in the long {run|term}; Keeping {kw} {healthy|on track}; What comes after {kw};"
            "{Improving|Renewing} {kw} over time; The {future|outlook} for {kw}"
        ),
        things=_pool(
            "habits; updates; renewals; reviews; routines; changes; lessons; upgrades; cycles;"
            " repairs; adjustments;"
            "trends; improvements; maintenance plans; experiments; successors"
        ),
        actions=_pool(
            "review the {setup|arrangement|contract} {yearly|each spring|after twelve months};"
            "retire {tools|habits|rules} that {nobody|hardly anyone} {uses|needs|defends};"
            " watch {two|a few|the leading} {signals|indicators|competitors};"
            "repeat what {worked|paid off|was praised} and {drop|change|question|shorten} {the rest|the remainder|everything else|other parts};"
            "renew {skills|licences|agreements} {before they lapse|in good time|one by one};"
            "plan the {next|following|third} {version|round|season} {now|in outline|with users};"
            " archive {old|finished|outdated} {files|plans|versions}"
        ),
        outcomes=_pool(
            "{results|gains} {last|hold} {for years|beyond the first season|through change};"
            "{quality|value} {rises|grows} {slowly|a little each year|with experience};"
            "{surprises|replacements} {become|are} {rarer|cheaper|easier to bear};"
            "the {next|coming} {change|round} {feels|is} {familiar|lighter|well prepared};"
            "{lessons|improvements} {reach|help} the {next|following} {project|team|generation}"
        ),
        hazards=_pool(
            "{earlier|proven|comfortable} {solutions|methods} {age|wear out} {quietly|faster than thought};"
            "{renewals|updates|reviews} {slip|are skipped} {year after year|in busy months};"
            "{attention|funding} {fades|moves on} {after|soon after} the {launch|first success|opening};"
            "{small|slow} {losses|leaks|declines} {stay|go} {invisible|uncounted} {for months|until they hurt};"
            "{new|younger|larger} {rivals|rules|tools} {reshape|shift} the {field|market|standard}"
        ),
    ),
}

FRAMES: Pool = _pool(
    "{opener}, {whos} {adv} {verb} the {adj} {thing} before they {action};"
    "{whos} who {verb} the {adj} {thing} {when} find that {outcome};"
    "It {helps|pays|is wise} to {action} {when}, because {hazard};"
    "When {hazard}, {whos} {modal} {action} {how};"
    "Once the {adj} {thing} are {clear|settled|on the table}, {outcome}, and {whos} can {action};"
    "A {good|brief|second} look at the {adj} {thing} {shows|reveals|tells} whether {outcome};"
    "{opener}, {outcome} as soon as {whos} {action} {how};"
    "{whos} {modal} {verb} the {adj} {thing} and then {action}, since {truth};"
    "{verbing} {adj} {thing} {how} {effect}, and {outcome};"
    "There is {little|no|some} {harm|shame|merit} in {verbing} the {adj} {thing} {when}: {truth};"
    "Where {hazard}, the {adj} {thing} {deserve|need|reward} {a closer look|fresh attention|more patience} {when};"
    "Instead of {verbing} every {detail|page|item}, {whos} {verb} the {adj} {thing} and {action};"
    "{whos} {adv} {action} {when}: {truth};"
    "The {adj} {thing} {rarely|seldom|hardly ever} {explain|sell} themselves, so {whos} {modal} {verb} them {how};"
    "If {outcome}, {whos} can {verb} the {adj} {thing} {how} and move on;"
    "{opener}, {hazard}, and the {good} {answer|reply|response|remedy} is to {action} {when};"
    "{good} {thing} {share|have} one {mark|quality}: {outcome};"
    "Not {every|each} {project|case|plan} needs {adj} {thing}, yet {whos} {adv} {verb} them {when};"
    "{truth}, which is why {whos} {modal} {action} {when};"
    "To {verb} the {adj} {thing} {how} {effect}, {even|especially} when {hazard};"
    "After {num} {period}, {whos} {adv} {verb} the {adj} {thing} again and {action};"
    "{whos} {adv} {verb} {adj} {thing} {how}, then {action} {when};"
    "Nothing {effect} like a {good} habit: {action} {when};"
    "{opener}, {care|attention} for {adj} {thing} {effect} only where {outcome};"
    "Between {adj} {thing} and {good} {results|outcomes|answers} {lies|stands} one {simple|modest|plain} {duty|task|step}, to {action} {how};"
    "The {question|point|test} is {simple|plain|old}: {action} {when}, and see whether {outcome};"
    "{verbing} the {adj} {thing} takes {time|practice|some patience}, but it {effect} for {whos};"
    "Because {hazard}, it is {wise|fair|sensible|worthwhile|best} to {verb} the {adj} {thing} {when};"
    "{whos} seldom regret it when they {action} {how}, for {truth};"
    "{opener}, {verbing} beats guessing: {outcome} and {whos} keep {adj} {thing} in view;"
    "Some {adj} {thing} matter {more|less} than {expected|they seem}, so {whos} {adv} {verb} those {how};"
    "{outcome} where {whos} {verb} {adj} {thing} {when} and {action};"
    "One {good} rule {holds|remains|applies}: {action} {how} before {hazard}"
)
"""Sentences about a theme, without a keyword."""

KEYWORD_FRAMES: Pool = _pool(
    "With {kw}, {whos} {adv} {verb} the {adj} {thing} {when};"
    "For {whos} {verbing} {kw} {how}, {outcome};"
    "{opener}, {kw} {effect} where {whos} {verb} the {adj} {thing} {how};"
    "{whos} {verb} {kw} {how} and {adv} {action} {when};"
    "The {adj} {thing} around {kw} {should|can|must|could} be {seen|read|judged} {how}, because {truth};"
    "{verbing} {kw} {when} {effect}, provided {whos} {action};"
    "{whos} {adv} {verb} {kw} {how}, {adj} {thing} included;"
    "Where {whos} {verb} {kw}, {hazard}, and the {good} {answer|reply|response|remedy} is to {action};"
    "{whos} {verbing} {kw} {modal} {action} {when};"
    "A {good} approach to {kw} {effect}: {action} {how};"
    "Behind {any|every|a good} {plan|wish|attempt|decision} to {verb} {kw} {how} stand {adj} {thing}, and {whos} {adv} {verb} them {when};"
    "Nobody {has|needs} to {verb} {kw} {how}, though {whos} {adv} {action} {how};"
    "{verbing} {kw} {how} means to {action} before {hazard};"
    "When {whos} {verb} {kw} {how}, {outcome}, and the {adj} {thing} come first;"
    "When {whos} {adv} {verb} {kw} {how}, {truth};"
    "Seen {soberly|closely|from a distance}, {kw} rewards {whos} who {action} {when};"
    "Compared with {num} {period} of {waiting|debate|searching}, {kw} {can|should|may} look {fair|sound|reasonable|attractive}, if {outcome};"
    "{verbing} {kw} {how} {rests|depends} on {adj} {thing}: {whos} {adv} {action};"
    "{whos} {verb} {kw} for {good} {reasons|motives}, and {outcome} when they {action};"
    "Anyone {verbing} {kw} {when} {modal} {verb} the {adj} {thing} and {action}"
)
"""Sentences about a theme that name a keyword."""

LIST_FRAMES: Pool = _pool(
    "{whos} {adv} {kws} {how};"
    "{opener}, {whos} {modal} {kws};"
    "{whos} {modal} {kws} {when};"
    "Once {outcome}, {whos} can {kws}"
)
"""Sentences that name several keywords, for articles with more keywords than sentences."""

FREQUENT: Pool = _pool(
    "recurring; frequent; popular; familiar; natural; blunt; typical; simple; common; usual; quick;"
    " honest; old; obvious"
)
QUERY: Pool = _pool("question; query; search; request; phrase; enquiry; wording")
"""How a keyword that is a question is brought into a sentence: the {FREQUENT} {QUERY} "..."."""

INTRODUCTIONS: Pool = _pool(
    "This {short|practical|brief|plain|orderly} introduction is for {whos} {verbing} {kw} {how};"
    "As an introduction, {whos} {verb} {kw} {how} and {action};"
    "In this {short|first|practical|plain} introduction {whos} {verb} {kw} {when};"
    "A {good} introduction helps {whos} {verb} {kw} {how}, because {truth};"
    "{whos} {verbing} {kw} {when} ask for an introduction, and {good} ones begin with {adj} {thing}"
)
"""The first sentence: names the primary keyword."""

QUESTIONS: Pool = _pool(
    "How long do {who_adj} {who} {verb} {kw} {when}?;"
    "Which {adj} {thing} matter when {who_adj} {who} {verb} {kw}?;"
    "Is it {wise|fair|sensible|too early} for {who_adj} {who} to {verb} {kw} {how}?;"
    "What do {who_adj} {who} overlook when they {verb} {kw} {how}?;"
    "When do {who_adj} {who} {verb} the {adj} {thing} of {kw}?;"
    "Who can help {who_adj} {who} to {verb} {kw}?;"
    "How {do|can|should} {who_adj} {who} {verb} {kw} {how}?;"
    "What happens when {adj} {thing} change while {who_adj} {who} {verb} {kw}?;"
    "Can {who_adj} {who} {verb} {kw} without {adj} {thing}?;"
    "Why do {who_adj} {who} {verb} {adj} {thing} before {kw}?"
)

FAQ_HEADINGS: Pool = _pool(
    "Frequently asked questions (FAQ); FAQ: {common|short|recurring|honest} questions;"
    " Frequently asked questions (FAQ) from {who_adj} {who};"
    "FAQ: what {who_adj} {who} ask"
)

HEADINGS: Pool = _pool(
    "{verbing} {kw}: {adj} {thing}; {kw} and its {adj} {thing}; {adj} {thing} in {kw};"
    " {kw} for {who_adj} {who};"
    "How {who_adj} {who} {verb} {kw}; {verbing} the {adj} {thing} of {kw}"
)
"""Section headings of short articles, where a theme's own headings would already be too many shared words."""

CONCLUSIONS: Pool = _pool(
    "{Conclusion|Summary}: {kw}; {kw} {in summary|at a glance}; What to remember about {kw};"
    " Next steps with {kw}"
)
