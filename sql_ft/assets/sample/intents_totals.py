"""What can be asked about totals of one table: aggregates, groups, dates.

The form is explained in `sql_ft.assets.sample.intents`. Conventions: per-group
questions return the group first, then the figure; rows are counted with COUNT(*).
"""

AGGREGATE = """
count_all: t=table
= SELECT COUNT(*) FROM {t}
- How many {t.many} are there in total?
- What is the total number of {t.many}?
- Count all our {t.many}.
- How many {t.many} do we have on the books?
- Give me a head count of the {t.many}. @people
- What is our headcount of {t.many}? @people
- Tell me the size of the {t.one} file in rows.

count_where: t=table; k=cat t; v=eq k
= SELECT COUNT(*) FROM {t} WHERE {k} {v}
- How many {t.many} {v.pred}?
- Count the {t.many} {v.post}.
- What is the number of {t.many} {v.post}?
- How many {t.many} {v.post} do we have?
- For {k.say} {v.val}, how many {t.many} are on record?
- What is the headcount of {t.many} {v.post}? @people

count_num: t=table; n=num t; v=cmp n
= SELECT COUNT(*) FROM {t} WHERE {n} {v}
- How many {t.many} are there {t.who} {v.pred}?
- Count the {t.many} whose {n.say} {v.isform}.
- What number of {t.many} do we have {v.post}?
- Tell me how many {t.many} there are {v.post}.
- {n.a} {v.with}: how many {t.many} does that apply to?
- Of all the {t.many}, how many {v.pred}?

count_two: t=table; k=cat t; v=eq k; n=num t; w=cmp n
= SELECT COUNT(*) FROM {t} WHERE {k} {v} AND {n} {w}
- How many {t.many} {v.post} also {w.pred}?
- Count the {t.many} {t.who} {v.pred} and {w.pred}.
- Of the {t.many} {v.post}, how many {w.pred}?
- What is the number of {t.many} {v.post}, counting only those whose {n.say} {w.isform}?
- With {k.say} {v.val} and {n.a} {w.with}, how many {t.many} remain?

agg_one: t=table; n=num t; g=agg n
= SELECT {g}({n}) FROM {t}
- What is the {g.say} {n.say} of all {t.many}?
- Give me the {g.say} {n.say} across the {t.many}.
- Calculate the {g.say} {n.say} over every {t.one}.
- Looking at the {t.many} as a whole, what is the {g.say} {n.say}?
- I need one figure: the {g.say} {n.say} of our {t.many}.

agg_where: t=table; k=cat t; v=eq k; n=num t; g=agg n
= SELECT {g}({n}) FROM {t} WHERE {k} {v}
- What is the {g.say} {n.say} of {t.many} {v.post}?
- For {t.many} {v.post}, what {g.say} {n.say} do we get?
- Work out the {g.say} {n.say} of the {t.many} {t.who} {v.pred}.
- Restrict the {t.many} to {k.say} {v.val} and report the {g.say} {n.say}.
- {g.say} {n.say} for {t.many} {v.post}, please.
- If we only look at {t.many} {v.post}, what is the {g.say} {n.say}?

agg_pair: t=table; n=num t
= SELECT MIN({n}), MAX({n}) FROM {t}
- What are the lowest and the highest {n.say} among the {t.many}?
- Between which minimum and maximum does the {n.say} of the {t.many} range?
- Show the smallest and then the largest {n.say} of any {t.one}.
- Give me both ends of the {n.say} scale for {t.many}: bottom, then top.
- How low and how high does the {n.say} go across all {t.many}?

agg_three: t=table; n=num t
= SELECT AVG({n}), MIN({n}), MAX({n}) FROM {t}
- What are the average, minimum and maximum {n.say} of the {t.many}?
- Summarise {t.one} {n.say} for me: mean, lowest, highest.
- Report three figures on the {n.say} of {t.many}: average, smallest and largest.
- For the {t.many} as a whole, give the mean {n.say} followed by its minimum and its maximum.
- I need the average {n.say} of all {t.many} plus the lowest and the highest value.

agg_two_columns: t=table; n=num t; x=num t
= SELECT AVG({n}), AVG({x}) FROM {t}
- What are the average {n.say} and the average {x.say} of the {t.many}?
- Give me the mean {n.say} together with the mean {x.say} across all {t.many}.
- On average, what {n.say} and what {x.say} does {t.a_one} have?
- Two averages for the {t.many}, please: {n.say} and {x.say}.
- Compute the typical (mean) {n.say} and {x.say} over every {t.one}.

agg_gap: t=table; n=num t
= SELECT MAX({n}) - MIN({n}) FROM {t}
- How big is the gap between the highest and the lowest {n.say} of the {t.many}?
- What is the spread (maximum minus minimum) of {n.say} among the {t.many}?
- By how much does the largest {n.say} of any {t.one} exceed the smallest?
- Subtract the lowest {t.one} {n.say} from the highest: what is left?
- What is the difference between the top and the bottom {n.say} over all {t.many}?

agg_calc: t=table; o=calc t; g=agg2
= SELECT {g}({o}) FROM {t}
- What is the {g.say} of {o.say} over all {t.many}?
- Take {o.say} for each {t.one}; what is the {g.say} of the results?
- Compute {o.say} per {t.one} and return only the {g.say}.
- Across the {t.many}, give me the {g.say} of {o.say}.
- I need the {g.say} when you work out {o.say} for every {t.one}.

agg_calc_where: t=table; k=cat t; v=eq k; o=calc t
= SELECT SUM({o}) FROM {t} WHERE {k} {v}
- For {t.many} {v.post}, what is the sum of {o.say}?
- Add up {o.say} over all {t.many} {v.post}.
- What does {o.say} total for {k.say} {v.val}, taken over the {t.many}?
- Restrict the {t.many} to those {v.post} and sum {o.say}.
- Take only {t.many} {v.post}: how much is {o.say}, all added together?
"""

GROUP = """
group_count: t=table; k=cat t
= SELECT {k}, COUNT(*) FROM {t} GROUP BY {k}
- How many {t.many} are there for each {k.say}?
- Show the number of {t.many} broken down by {k.say}.
- Count the {t.many} per {k.say}.
- Split the {t.many} by {k.say} and tell me how many fall in each.
- For every {k.say}, how many {t.many} do we have?
- What is the headcount by {k.say} for our {t.many}? @people
- Tally the {t.many} by {k.say}.

group_agg: t=table; k=cat t; n=num t; g=agg n
= SELECT {k}, {g}({n}) FROM {t} GROUP BY {k}
- What is the {g.say} {n.say} of the {t.many} for each {k.say}?
- Show the {g.say} {n.say} of {t.many} broken down by {k.say}.
- Per {k.say}, what {g.say} {n.say} do the {t.many} have?
- Group the {t.many} by {k.say} and give the {g.say} {n.say} of each group.
- List every {t.one} {k.say} along with the {g.say} {n.say} found there.
- Give me the {g.say} {t.one} {n.say}, one row per {k.say}.

group_having_count: t=table; k=cat t; h=count
= SELECT {k} FROM {t} GROUP BY {k} HAVING COUNT(*) {h}
- Which {k.says} have {h.say} {t.many}?
- List the {k.says} shared by {h.say} {t.many}.
- For which {k.says} do we count {h.say} {t.many}?
- Show each {k.say} that occurs with {h.say} {t.many}.
- Find the {k.says} where the number of {t.many} is {h.say}.

group_having_count_shown: t=table; k=cat t; h=count
= SELECT {k}, COUNT(*) FROM {t} GROUP BY {k} HAVING COUNT(*) {h}
- Show the {k.says} with {h.say} {t.many}, and how many each one has.
- Which {k.says} have {h.say} {t.many}? Put the count beside each.
- Break the {t.many} down by {k.say} with counts, keeping only those with {h.say}.
- Count {t.many} per {k.say}, keeping only each {k.say} with {h.say} {t.many}.
- List {k.say} and {t.one} count wherever there are {h.say} {t.many}.

group_having_agg: t=table; k=cat t; n=num t; v=cmpavg n
= SELECT {k} FROM {t} GROUP BY {k} HAVING AVG({n}) {v}
- Which {k.says} have {t.many} with an average {n.say} {v.with}?
- List the {t.one} {k.says} whose mean {n.say} {v.isform}.
- For which {k.says} is the average {n.say} of the {t.many} {v.bare}?
- Find each {k.say} where the {t.many} average {n.a} {v.with}.
- Group the {t.many} by {k.say}: where is the mean {n.say} {v.bare}? Show the {k.says}.

group_sum_having: t=table; k=cat t; n=sum t; v=cmpsum n
= SELECT {k}, SUM({n}) FROM {t} GROUP BY {k} HAVING SUM({n}) {v}
- Show each {k.say} and its total {t.one} {n.say} where that total {v.isform}.
- Which {k.says} reach a combined {n.say} {v.with} over their {t.many}? Show the total too.
- Total up {n.say} by {k.say} for the {t.many} and keep only totals {v.bare}.
- Add together the {n.say} of the {t.many} in each {k.say}; list {k.say} and sum if the sum
  {v.isform}.
- List the {k.says} of the {t.many} with their summed {n.say}, as long as it {v.isform}.

group_top: t=table; k=cat t; z=mostfew
= SELECT {k} FROM {t} GROUP BY {k} ORDER BY COUNT(*){z} LIMIT 1
- Which {k.say} has the {z.most} {t.many}?
- What is the {z.common} common {k.say} among the {t.many}?
- Find the {k.say} that covers the {z.most} {t.many}.
- Looking at how often each {k.say} occurs in the {t.many}, which one is {z.common} frequent?
- Name the {k.say} with the {z.largest} number of {t.many}.

group_count_where: t=table; k=cat t; x=cat t; v=eq x
= SELECT {k}, COUNT(*) FROM {t} WHERE {x} {v} GROUP BY {k}
- For each {k.say}, how many {t.many} {v.pred}?
- Count the {t.many} {v.post}, broken down by {k.say}.
- Show the number of {t.many} {v.post} per {k.say}.
- Take the {t.many} {v.post} and tally them by {k.say}.
- How do the {t.many} {v.post} split across {k.says}? Give {k.say} and count.

group_count_ordered: t=table; k=cat t
= SELECT {k}, COUNT(*) FROM {t} GROUP BY {k} ORDER BY COUNT(*) DESC
- Show how many {t.many} each {k.say} has, busiest {k.say} first.
- Count the {t.many} per {k.say} and sort by that count, largest first.
- Rank the {k.says} by number of {t.many}, from most to fewest, and show the number.
- List every {k.say} with its {t.one} count in descending order of the count.
- Which {k.says} have how many {t.many}? Put the biggest count at the top.

group_two_aggs: t=table; k=cat t; n=num t
= SELECT {k}, MIN({n}), MAX({n}) FROM {t} GROUP BY {k}
- For each {k.say}, show the lowest and the highest {n.say} of the {t.many}.
- What are the minimum and maximum {n.say} of the {t.many} by {k.say}?
- Give the range of {t.one} {n.say} per {k.say}: smallest value, then largest.
- Break {t.one} {n.say} down by {k.say}, showing bottom and top values.
- List {k.say}, minimum {n.say} and maximum {n.say} for the {t.many}.

group_count_agg: t=table; k=cat t; n=num t
= SELECT {k}, COUNT(*), AVG({n}) FROM {t} GROUP BY {k}
- For each {k.say}, give the number of {t.many} and their average {n.say}.
- Break the {t.many} down by {k.say}: how many, and what mean {n.say}?
- Show {k.say}, {t.one} count and average {n.say}.
- Per {k.say}, count the {t.many} and add the mean {n.say} next to it.
- I want a summary of the {t.many} by {k.say} with two figures, the count and the average {n.say}.

group_distinct: t=table; k=cat t; x=cat t
= SELECT {k}, COUNT(DISTINCT {x}) FROM {t} GROUP BY {k}
- For each {k.say}, how many different {x.says} do the {t.many} have?
- Count the distinct {x.says} of the {t.many} per {k.say}.
- Broken down by {k.say}, how many unique {x.says} occur among the {t.many}?
- How many separate {x.says} does every {k.say} cover in the {t.many}?
- Group the {t.many} by {k.say} and count the {x.says} in each group, ignoring repeats.

group_agg_top: t=table; k=cat t; n=num t; m=most
= SELECT {k} FROM {t} GROUP BY {k} ORDER BY AVG({n}){m} LIMIT 1
- Which {k.say} has the {m.say} average {n.say} among the {t.many}?
- Find the {k.say} whose {t.many} have the {m.say} mean {n.say}.
- On average, which {k.say} shows the {m.say} {t.one} {n.say}?
- Compare the {k.says} by mean {n.say} of their {t.many}: which one is {m.say}?
- Name the {k.say} where the average {n.say} per {t.one} is {m.say}.

group_agg_ordered: t=table; k=cat t; n=sum t
= SELECT {k}, SUM({n}) FROM {t} GROUP BY {k} ORDER BY SUM({n}) DESC
- Show the total {t.one} {n.say} per {k.say}, biggest total first.
- Add up {n.say} by {k.say} over all {t.many} and sort from largest to smallest sum.
- Rank the {k.says} by the combined {n.say} of their {t.many}, highest first, with the figure.
- List each {t.one} {k.say} and its summed {n.say}, in descending order of that sum.
- By {k.say}, what does the {n.say} of the {t.many} add up to? Largest on top.

group_pair: t=table; k=cat t; x=cat t
= SELECT {k}, {x}, COUNT(*) FROM {t} GROUP BY {k}, {x}
- How many {t.many} are there for each combination of {k.say} and {x.say}?
- Count the {t.many} by {k.say} and {x.say}.
- Break the {t.many} down by {k.say} and, within that, by {x.say}, with a count for each.
- Show {k.say}, {x.say} and the number of {t.many} with that pairing.
- Tally the {t.many} across every {k.say} and {x.say} pair.
"""

DATE = """
date_compare: t=table; c=show t; d=date t; v=on d
= SELECT {c} FROM {t} WHERE {d} {v}
- List the {c.says} of {t.many} {v.post}.
- Check the dates: which {t.many} {v.pred}, and what are their {c.says}?
- Show the {c.say} of every {t.one} whose {d.say} is {v.bare}.
- Fetch {t.one} {c.says} where the {d.say} falls {v.bare}.
- I need the {c.says} of all {t.many} {v.post}.
- Going by {d.say}, which {t.one} {c.says} are dated {v.bare}?

date_between: t=table; c=show t; d=date t; v=span d
= SELECT {c} FROM {t} WHERE {d} {v}
- List the {c.says} of {t.many} with {d.a} between {v.low} and {v.high}.
- Which {t.many} have {d.a} from {v.low} through {v.high}? Show the {c.says}.
- Show the {c.say} of each {t.one} whose {d.say} lies between {v.low} and {v.high} inclusive.
- For the period {v.low} to {v.high} (by {d.say}), give the {c.says} of all {t.many}.
- Give the {t.one} {c.says} with {d.say} no earlier than {v.low} and no later than {v.high}.

date_year: t=table; c=show t; d=date t; y=year d
= SELECT {c} FROM {t} WHERE STRFTIME('%Y', {d}) = {y}
- List the {c.says} of {t.many} whose {d.say} is in {y.say}.
- Which {t.many} have {d.a} in the year {y.say}? Give the {c.says}.
- Show the {c.say} of every {t.one} dated {y.say} by {d.say}.
- For calendar year {y.say}, going by {d.say}, what are the {t.one} {c.says}?
- Give me {t.one} {c.says} where the {d.say} falls within {y.say}.

date_count_year: t=table; d=date t; y=year d
= SELECT COUNT(*) FROM {t} WHERE STRFTIME('%Y', {d}) = {y}
- How many {t.many} have {d.a} in {y.say}?
- Count the {t.many} whose {d.say} is in {y.say}.
- What is the number of {t.many} for {y.say}, going by {d.say}?
- In {y.say}, by {d.say}, how many {t.many} did we have?
- How many {t.many} fall in the year {y.say} according to their {d.say}?

date_count_compare: t=table; d=date t; v=on d
= SELECT COUNT(*) FROM {t} WHERE {d} {v}
- Counting by date, how many {t.many} {v.pred}?
- Count the {t.many} whose {d.say} is {v.bare}.
- Give the number of {t.many} {v.post}.
- Tell me how many {t.many} come with {d.a} {v.bare}.
- By {d.say}, how many of the {t.many} are {v.bare}?

date_agg_year: t=table; d=date t; y=year d; n=num t; g=agg n
= SELECT {g}({n}) FROM {t} WHERE STRFTIME('%Y', {d}) = {y}
- What is the {g.say} {n.say} of {t.many} with {d.a} in {y.say}?
- For {y.say}, going by {d.say}, work out the {g.say} {n.say} of the {t.many}.
- Report the {g.say} {n.say} of all {t.many} whose {d.say} is in {y.say}.
- Taking the {d.say} as reference, what {g.say} {n.say} do the {t.many} of {y.say} have?
- {g.say} {n.say} of the {t.many} for the year {y.say} by {d.say}, please.

date_month: t=table; c=show t; d=date t; y=month d
= SELECT {c} FROM {t} WHERE STRFTIME('%m', {d}) = {y}
- Which {t.many} have {d.a} in {y.say}, whatever the year? Give the {c.says}.
- List the {c.says} of {t.many} whose {d.say} is in the month of {y.say}, in any year.
- Show {t.one} {c.says} with {y.say} as the month of the {d.say}.
- Across all years, which {t.one} {c.says} have a {y.say} {d.say}?
- Ignoring the year, find the {t.many} with {d.a} in {y.say} and list their {c.says}.

date_group_year: t=table; d=date t
= SELECT STRFTIME('%Y', {d}), COUNT(*) FROM {t} GROUP BY STRFTIME('%Y', {d})
- How many {t.many} are there per year of {d.say}?
- Count the {t.many} by the year of their {d.say}.
- Show the number of {t.many} broken down by {d.say} year.
- For each year of the {d.say}, give the {t.one} count.
- Year by year, going by {d.say}, how many {t.many} did we have?

date_group_month: t=table; d=date t
= SELECT STRFTIME('%Y-%m', {d}), COUNT(*) FROM {t} GROUP BY STRFTIME('%Y-%m', {d})
- How many {t.many} are there per month (YYYY-MM) of {d.say}?
- Count the {t.many} by the year and month of their {d.say}, written like 2021-07.
- Show a monthly count of {t.many} based on {d.say}, months as YYYY-MM.
- Month by month, in YYYY-MM form, how many {t.many} have {d.a}?
- Break the {t.many} down by {d.say} month (as YYYY-MM) with the count for each.

date_group_agg: t=table; d=date t; n=num t; g=agg n
= SELECT STRFTIME('%Y', {d}), {g}({n}) FROM {t} GROUP BY STRFTIME('%Y', {d})
- What is the {g.say} {n.say} of the {t.many} for each {d.say} year?
- Show {g.say} {t.one} {n.say} by the year of the {d.say}.
- Per year of {d.say}, give the {g.say} {n.say} of the {t.many}.
- Break the {g.say} {n.say} of the {t.many} down by year, going by {d.say}.
- Year of {d.say}, then {g.say} {n.say}: give me that table for the {t.many}.

date_extreme: t=table; c=show t; d=date t; z=latest
= SELECT {c} FROM {t} ORDER BY {d}{z} LIMIT 1
- What is the {c.say} of the {t.one} with the {z.say} {d.say}?
- Which {t.one} has the {z.say} {d.say}? Show {t.its} {c.say}.
- Find the {z.say} {d.say} and give the {c.say} of that {t.one}.
- By {d.say}, which {t.one} comes {z.first}? {c.say} only.
- Give me the {c.say} of the one {t.one} whose {d.say} is the {z.say}.

date_order: t=table; c=name t; d=date t; z=latest
= SELECT {c} FROM {t} ORDER BY {d}{z}
- List the {c.says} of all {t.many}, {z.say} {d.say} first.
- Sort the {t.many} by {d.say}, {z.old}, and show the {c.says}.
- Show {t.one} {c.says} in order of {d.say}, starting with the {z.say}.
- Give me a timeline of {t.one} {c.says} by {d.say}, {z.old}.
- Arrange the {t.many} by {d.say} with the {z.say} on top; {c.says} only.

date_range: t=table; d=date t
= SELECT MIN({d}), MAX({d}) FROM {t}
- What are the earliest and the latest {d.say} among the {t.many}?
- Between which first and last {d.say} do our {t.many} lie?
- Show the oldest and then the newest {d.say} of any {t.one}.
- How far back and how far forward does the {d.say} of the {t.many} reach?
- Give me the first {d.say} and the last {d.say} in the {t.one} records.

date_filter: t=table; c=show t; d=date t; v=on d; k=cat t; w=eq k
= SELECT {c} FROM {t} WHERE {k} {w} AND {d} {v}
- List the {c.says} of {t.many} {w.post} that also {v.pred}.
- Among {t.many} {w.post}, which have {d.a} {v.bare}? Show the {c.says}.
- Show the {c.say} of each {t.one} {w.post} if {t.its} {d.say} is {v.bare}.
- Which {t.one} {c.says} have {k.say} {w.val} and {d.a} {v.bare}?
- For {k.say} {w.val}, give the {c.says} of {t.many} {v.post}.
"""
