"""Invented businesses that host, entertain, advise and repair."""

TEXT = """
[lakeside_hotels]
hotels: hotel/hotels, property/properties
  hotel_id id
  hotel_name name Alpenrose, Belvedere, Cygnet, Dolphin, Edelweiss -> hotel name, name
  lake cat Como, Garda, Bled, Annecy -> lake @ situated on
  stars rate 2..5 -> number of stars, star rating
  opened_on date 1962..2021 -> opening date @ opened
suites: room/rooms, guest room/guest rooms
  room_no id -> room number
  hotel_id fk hotels belonging to
  bed_type cat twin, queen, king, bunk -> bed type
  nightly_rate rate 60..780 -> nightly rate, price per night ^ dearest/cheapest
  view_kind cat lake, garden, street, courtyard -> view
stays: stay/stays, reservation/reservations
  stay_id id
  room_no fk suites booked for
  nights num 1..21 -> number of nights, length in nights ^ longest/shortest
  guests num 1..6 -> number of guests, guest count
  check_in date 2022..2024 -> check-in date
  review_score rate? 1..10 -> review score

[fitness_studio]
!members: member/members, gym member/gym members
  member_id id
  member_name name Ali Demir, Bess Roy, Cy Novak, Dot Frey, Ed Lamm -> name
  tariff cat basic, plus, premium, day pass @ signed up for
  joined_on date 2018..2024 -> joining date
  monthly_fee num 19..120 -> monthly fee
!coaches: coach/coaches, trainer/trainers
  coach_id id
  coach_name name Fritz Lau, Gina Paz, Hal Moor, Isla Reid -> name
  discipline cat yoga, boxing, spinning, pilates @ specialised in
  hourly_rate rate 22..95 -> hourly rate ^ dearest/cheapest
sessions: session/sessions, workout session/workout sessions
  session_id id
  coach_id fk coaches led by
  member_id fk members attended by
  calories num 90..950 -> calories burned
  session_date date 2023..2024 -> session date
  room cat Studio A, Studio B, Pool, Roof -> room @ held in

[event_agency]
venues: venue/venues, location/locations
  venue_id id
  venue_name name Arena Ost, Glass Hall, Old Depot, Pier House -> name
  city cat Bremen, Gdansk, Malmo, Turku @ located in
  capacity num 60..9000 -> capacity, maximum audience ^ largest/smallest
events: event/events
  event_id id
  venue_id fk venues hosted at
  event_title name Bloom Fair, Code Camp, Jazz Nights, Spring Gala -> title
  format cat concert, trade fair, workshop, gala -> format, type of event
  budget num 2000..180000 -> budget, planned budget ^ most lavish/most modest
  spent num 1500..190000 -> amount spent
  held_on date 2022..2025 -> event date @ held
  = budget - spent
tickets: ticket/tickets, admission/admissions
  ticket_no id -> ticket number
  event_id fk events sold for
  price_band cat early bird, regular, VIP, student -> price band
  price num 8..320 -> price, ticket price
  sold_on date 2022..2025 -> date of sale, sale date @ sold

[law_office]
!attorneys: attorney/attorneys, lawyer/lawyers
  attorney_id id
  attorney_name name A. Voss, B. Kerrigan, C. Dumont, D. Iyer -> name
  practice_area cat tax, family, labour, patents -> practice area @ working in
  hourly_rate rate 120..640 -> hourly rate ^ dearest/cheapest
  admitted_on date 1988..2021 -> bar admission date
matters: matter/matters, legal case/legal cases
  matter_no id -> matter number
  attorney_id fk attorneys handled by
  client_name name Arkwright Ltd, Bonnet SA, Clove Inc, Dray GmbH -> client name
  court cat district, regional, supreme, arbitration -> court, court level @ heard by
  disputed_sum num 1500..900000 -> disputed sum ^ largest/smallest
  opened_on date 2018..2024 -> opening date @ opened
  closed_on date? 2019..2024 -> closing date
time_entries: time entry/time entries, billing entry/billing entries
  entry_id id
  matter_no fk matters booked on
  task cat research, drafting, hearing, call -> task, type of work
  hours rate 0.5..12.0 -> number of hours, booked time in hours

[film_rental]
studios: studio/studios, film studio/film studios
  studio_id id
  studio_name name Blue Gate, Cinder, Ivory Lane, Monsoon Pictures -> name
  country cat France, India, Korea, Mexico @ based in
films: film/films, movie/movies
  film_id id
  studio_id fk studios produced by
  film_title name Ashes of May, Cold Lantern, Ninth Bridge, Paper Sharks -> title
  genre cat drama, thriller, comedy, animation -> genre, film genre
  runtime_min num 70..210 -> running time in minutes, running time ^ longest/shortest
  released_on date 1995..2024 -> release date @ released
rentals: rental/rentals, stream/streams
  rental_id id
  film_id fk films of
  device cat TV, tablet, phone, laptop -> device, playback device @ watched on
  fee rate 1.0..8.0 -> rental fee
  rented_on date 2022..2024 -> rental date
  rating rate? 1..5 -> rating, viewer rating

[podcast_network]
!hosts: host/hosts, presenter/presenters
  host_id id
  host_name name Abby Cruz, Bram Otto, Cleo Finn, Drew Hale -> name
  home_city cat Austin, Berlin, Cardiff, Dakar -> home city @ living in
shows: show/shows, podcast/podcasts
  show_id id
  host_id fk hosts presented by
  show_title name Bench Notes, Deep Orbit, Kitchen Law, Odd Jobs -> title
  topic cat science, money, food, crime -> topic, subject
  subscribers num 300..240000 -> subscriber count ^ most popular/least popular
episodes: episode/episodes
  episode_id id
  show_id fk shows belonging to
  length_min num 8..140 -> length in minutes, length ^ longest/shortest
  downloads num 50..90000 -> number of downloads, download count
  aired_on date 2021..2024 -> air date @ aired
  sponsor cat? Acorn Bank, Bubble Tea, Cozy Beds, Dart Mail -> sponsor @ sponsored by

[car_workshop]
!mechanics: mechanic/mechanics
  MechId id -> mechanic ID, ID
  MechName name Abe Torque, Bo Piston, Cal Rim, Di Axle -> name
  Grade cat apprentice, journeyman, master -> grade
  HourlyWage rate 14..48 -> hourly wage ^ best-paid/worst-paid
repairs: repair/repairs, repair job/repair jobs
  RepairId id
  MechId fk mechanics done by
  CarMake cat Opel, Skoda, Honda, Volvo, Mini -> car make
  LabourCost num 30..1400 -> labour cost
  PartsCost num 0..2600 -> parts cost
  FinishedOn date? 2022..2024 -> completion date
  BroughtIn date 2022..2024 -> drop-off date
  = LabourCost + PartsCost
tyre_sets: tyre set/tyre sets
  SetId id
  RepairId fk repairs fitted during
  Season cat summer, winter, all-season -> season
  Tread rate 1.0..9.0 -> tread depth

[estate_agency]
!agents: agent/agents, estate agent/estate agents
  agent_id id
  agent_name name Amos Reed, Bella Quist, Carl Orwin, Dana Pell -> name
  office cat Harrow, Kew, Soho, Bow -> office @ based in
  commission_pct rate 0.5..4.0 -> commission percentage
listings: listing/listings, home for sale/homes for sale
  listing_id id
  agent_id fk agents marketed by
  property_kind cat flat, terrace, bungalow, loft -> property type
  asking_price num 90000..1900000 -> asking price ^ most expensive/cheapest
  bedrooms num 1..7 -> number of bedrooms, bedroom count
  listed_on date 2022..2024 -> listing date @ listed
  sold_on date? 2022..2024 -> sale date
viewings: viewing/viewings
  viewing_id id
  listing_id fk listings of
  visitor name Mr Ames, Ms Bow, Mr Clay, Mrs Dean -> visitor name
  feedback cat keen, unsure, not interested -> feedback
  viewed_on date 2022..2024 -> viewing date

[consulting_firm]
!consultants: consultant/consultants, adviser/advisers
  consultant_id id
  consultant_name name Aya Mori, Bill Tran, Cora Lind, Dov Katz -> name
  grade cat analyst, manager, partner, associate -> grade, job level
  base_salary num 38000..240000 -> base salary, salary ^ best-paid/worst-paid
  bonus num 0..90000 -> bonus, bonus payment
  joined_on date 2008..2024 -> joining date
  = base_salary + bonus
engagements: engagement/engagements, project/projects
  engagement_id id
  engagement_name name Apollo, Basalt, Cedar, Dorado -> name
  industry cat retail, energy, banking, health -> industry, client industry @ run in
  fee_total num 9000..820000 -> total fee ^ largest/smallest
  kicked_off date 2020..2024 -> kick-off date
assignments: assignment/assignments, staffing/staffings
  assignment_id id
  consultant_id fk consultants filled by
  engagement_id fk engagements made for
  days num 2..220 -> number of days, day count
  location cat on site, remote, hybrid -> place of work, work place

[call_centre]
!operators: operator/operators, call agent/call agents
  operator_id id
  operator_name name Alma Ek, Brice Roy, Cira Neri, Demi Yao -> name
  team cat Blue, Green, Orange, Violet @ working in
  language cat English, German, Polish, Turkish -> language, working language @ fluent in
  hired_on date 2015..2024 -> hiring date @ hired
calls: call/calls, phone call/phone calls
  call_id id
  operator_id fk operators taken by
  reason cat billing, outage, upgrade, complaint -> reason for the call, reason
  wait_s num 2..900 -> waiting time in seconds, waiting time
  talk_s num 20..3600 -> talk time in seconds, talk time ^ longest/shortest
  call_date date 2023..2024 -> call date
  csat rate? 1..5 -> satisfaction score
  = wait_s + talk_s

[museum_group]
museums: museum/museums
  museum_id id
  museum_name name Amber House, Maritime Hall, Rail Shed, Stone Court -> name
  town cat Kotor, Narva, Sopot, Visby @ located in
  yearly_visitors num 4000..380000 -> yearly visitor count ^ most visited/least visited
exhibits: exhibit/exhibits, object/objects
  exhibit_id id
  museum_id fk museums shown at
  exhibit_name name Bronze Bell, Clay Horse, Sun Dial, War Drum -> exhibit name, name
  epoch cat Bronze Age, Medieval, Baroque, Modern -> epoch, era
  insured_value num 200..750000 -> insured value ^ most valuable/least valuable
  acquired_on date 1955..2023 -> acquisition date @ acquired
loans_out: loan/loans, outgoing loan/outgoing loans
  loan_id id
  exhibit_id fk exhibits of
  borrower cat Louvre Nord, Kunstbau, City Gallery, Casa Roja -> borrower @ granted to
  fee num 0..12000 -> loan fee
  due_back date 2022..2026 -> due date @ due

[theatre_box_office]
plays: play/plays, production/productions
  play_id id
  play_title name Glass Storks, Late Harvest, Mister Ferry, Three Keys -> title
  stage cat main stage, studio, open air -> stage @ performed on
  minutes num 55..195 -> running time in minutes, running time ^ longest/shortest
  premiere date 2021..2024 -> premiere date
performances: performance/performances
  performance_id id
  play_id fk plays of
  seats_sold num 10..900 -> number of seats sold, audience size
  takings num 200..42000 -> revenue, box-office revenue ^ most lucrative/least lucrative
  performed_on date 2022..2024 -> performance date
!actors: actor/actors, cast member/cast members
  actor_id id
  actor_name name Aled Voss, Bina Roy, Curt Ley, Dima Sol -> name
  play_id fk plays cast in
  voice cat alto, tenor, bass, soprano
  night_fee num 60..900 -> fee per night ^ best-paid/worst-paid

[telecom_shop]
plans: plan/plans, mobile plan/mobile plans
  PlanId id
  PlanName name Flex, Giga Max, Lite, Roamer, Talk Plus -> plan name, name
  Network cat 4G, 5G, LTE-M -> network
  MonthlyPrice num 5..90 -> monthly price, price ^ dearest/cheapest
  DataGb num 1..300 -> data volume in GB, data volume
subscribers: subscriber/subscribers, line/lines
  SubId id -> subscriber ID, ID
  PlanId fk plans using
  Province cat Galicia, Murcia, Navarra, Toledo -> province, home province @ registered in
  ActivatedOn date 2018..2024 -> activation date @ activated
  CancelledOn date? 2019..2024 -> cancellation date
tickets: trouble ticket/trouble tickets, support ticket/support tickets
  TicketId id
  SubId fk subscribers opened by
  Topic cat coverage, invoice, device, porting -> topic, subject
  Severity cat low, medium, high, critical -> severity, priority
  HoursOpen num 1..190 -> open time in hours ^ longest-running/shortest-running

[chess_club_league]
clubs: club/clubs, chess club/chess clubs
  club_id id
  club_name name Bishops End, Castle Row, Kings Guard, Rook Street -> name
  division cat premier, first, second, third -> division, league division @ playing in
  founded_on date 1902..2015 -> founding date @ founded
!players: player/players, club player/club players
  player_id id
  club_id fk clubs signed by
  player_name name Anja Pohl, Boris Quade, Cem Arslan, Dora Vik -> name
  rating rate 1100..2600 -> rating ^ strongest/weakest
  federation cat GER, TUR, NOR, HUN @ registered with
games: game/games, match/matches
  game_id id
  player_id fk players played by
  opening cat Sicilian, French, Slav, English -> opening
  moves num 12..110 -> number of moves, move count ^ longest/shortest
  outcome cat win, loss, draw, forfeit -> outcome, result
  played_on date 2021..2024 -> game date @ played
"""
