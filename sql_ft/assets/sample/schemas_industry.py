"""Invented businesses that grow, make, mine and build."""

TEXT = """
[craft_brewery]
tanks: tank/tanks, fermenter/fermenters
  tank_id id
  tank_name name Ada, Boudica, Curie, Darwin, Euler -> name
  litres num 500..9000 -> capacity in litres, capacity ^ largest/smallest
  installed_on date 2010..2022 -> installation date @ installed
brews: brew/brews, beer batch/beer batches
  brew_id id
  tank_id fk tanks fermented in
  beer_name name Amber Tide, Black Fen, Cloud Hop, Dry Saison, Elder Ale -> beer name, name
  beer_style cat stout, lager, saison, pale ale, porter -> beer style, style
  abv rate 3.0..11.0 -> alcohol percentage, strength ^ strongest/weakest
  brewed_on date 2022..2024 -> brewing date @ brewed
kegs: keg/kegs
  keg_no id -> keg number
  brew_id fk brews filled with
  pub cat Anchor, Black Bull, Crown, Drovers -> pub, receiving pub @ delivered to
  price num 70..260 -> price, keg price
  returned_on date? 2022..2024 -> return date

[wind_farm]
turbines: turbine/turbines, windmill/windmills
  turbine_id id
  tag name WT-01, WT-07, WT-13, WT-22, WT-30 -> tag
  site cat Blackmoor, Cape Fell, Dunes, Easter Head -> site, location @ standing at
  hub_height_m rate 60..160 -> hub height in metres, hub height ^ tallest/lowest
  rated_kw num 800..6000 -> rated power in kW, rated power ^ most powerful/least powerful
outages: outage/outages, stoppage/stoppages
  outage_id id
  turbine_id fk turbines affecting
  cause cat gearbox, blade, grid, icing, sensor -> cause, source of the fault @ caused by
  hours_lost num 1..240 -> number of hours lost, downtime in hours ^ longest/shortest
  started_on date 2021..2024 -> start date @ starting
readings: reading/readings, power reading/power readings
  reading_id id
  turbine_id fk turbines taken at
  wind_speed rate 0.5..28.0 -> wind speed
  output_kw num 0..6000 -> output in kW, output
  read_on date 2023..2024 -> reading date

[steel_foundry]
furnaces: furnace/furnaces
  furnace_id id
  furnace_name name Vulcan, Hestia, Agni, Brigid -> name
  heat_source cat electric arc, induction, gas -> heat source
  tonnes_per_day num 20..400 -> daily tonnage ^ biggest/smallest
castings: casting/castings, cast part/cast parts
  casting_id id
  furnace_id fk furnaces poured from
  alloy cat 304L, Duplex, Inconel, Mild -> alloy, metal @ made of
  mass_kg num 4..5200 -> mass in kg, mass ^ heaviest/lightest
  scrap_kg num 0..400 -> scrap in kg
  poured_on date 2022..2024 -> casting date @ poured
  = mass_kg - scrap_kg
tests_done: test/tests, quality test/quality tests
  test_id id
  casting_id fk castings made on
  method cat x-ray, ultrasonic, hardness, visual -> test method, method
  verdict cat pass, fail, repeat -> verdict, test result
  tested_on date? 2022..2024 -> test date

[dairy_coop]
!farmers: farmer/farmers, milk producer/milk producers
  farmer_id id
  farmer_name name Anders Holt, Birgit Moe, Claus Rand, Dorte Vang -> name
  valley cat Upper, Lower, Green, Stone @ farming in
  cows num 8..320 -> number of cows, herd size
collections: milk collection/milk collections, collection/collections
  collection_id id
  farmer_id fk farmers picked up from
  litres num 80..6400 -> number of litres, milk volume in litres
  fat_pct rate 3.0..6.0 -> fat percentage ^ richest/leanest
  collected_on date 2023..2024 -> collection date @ collected
  tanker cat T1, T2, T3, T4 -> tanker @ transported in
cheeses: cheese/cheeses
  cheese_id id
  cheese_name name Aske, Blaafjell, Gammel Rand, Kvist -> cheese name, name
  milk_kind cat cow, goat, sheep -> milk type @ made from
  months_aged rate 1..36 -> ageing time in months ^ oldest/youngest
  kilo_price rate 9..64 -> price per kilo

[fish_farm]
cages: cage/cages, sea pen/sea pens
  cage_id id
  cage_code name K1, K4, M2, M9, R3 -> cage code, code
  fjord cat Alta, Borg, Fense, Sund @ anchored in
  depth_m num 8..60 -> depth in metres, depth ^ deepest/shallowest
stockings: stocking/stockings, fish batch/fish batches
  batch_id id
  cage_id fk cages kept in
  species cat salmon, trout, cod, char -> species, kind of fish
  fish_count num 900..90000 -> number of fish, fish count
  stocked_on date 2021..2024 -> stocking date @ stocked
feedings: feeding/feedings, feed round/feed rounds
  feeding_id id
  batch_id fk stockings given to
  feed_kg num 5..900 -> amount of feed in kg, feed
  pellet cat 2mm, 4mm, 6mm, 9mm -> pellet size
  fed_on date 2022..2024 -> feeding date

[quarry_works]
pits: pit/pits, quarry pit/quarry pits
  PitId id
  PitName name Big Cut, Long Face, Red Bench, White Hole -> name
  Rock cat granite, basalt, limestone, slate -> rock type
  OpenedOn date 1975..2018 -> opening date @ opened
blasts: blast/blasts, detonation/detonations
  BlastId id
  PitId fk pits fired in
  Charge num 50..2200 -> charge in kg, charge
  Yield num 200..26000 -> yield in tonnes, tonnage ^ most productive/least productive
  FiredOn date 2021..2024 -> blast date @ fired
  Incident text? -> incident note
!blasters: blaster/blasters, shotfirer/shotfirers
  BlasterId id
  FullName name Abel Crag, Bruno Fels, Chad Stone, Dirk Berg -> name
  PitId fk pits assigned to
  Certificate cat junior, senior, master -> certificate
  Wage num 2100..5200 -> monthly wage ^ best-paid/worst-paid

[furniture_maker]
workshops: workshop/workshops
  workshop_id id
  workshop_name name Bench One, Joinery, Lacquer Hall, Upholstery -> name
  city cat Aarhus, Bergamo, Cluj, Dresden @ located in
  headcount num 3..60 -> number of workers, worker count ^ largest/smallest
pieces: piece/pieces, furniture piece/furniture pieces
  piece_id id
  workshop_id fk workshops built in
  piece_name name Alto Chair, Brio Table, Cello Desk, Duo Shelf -> piece name, name
  wood cat oak, ash, walnut, beech, pine -> wood, type of wood @ made of
  build_hours num 2..90 -> number of work hours, working time in hours
  retail_price num 80..5400 -> retail price, price ^ priciest/cheapest
  drawn_on date 2015..2024 -> design date @ designed
customer_orders: customer order/customer orders, order/orders
  order_id id
  piece_id fk pieces placed for
  quantity num 1..40 -> quantity, quantity ordered
  country cat Austria, Belgium, Czechia, Denmark -> delivery country @ going to
  ordered_on date 2021..2024 -> order date
  delivered_on date? 2021..2024 -> delivery date

[bike_factory]
models: bike model/bike models, model/models
  model_id id
  model_name name Arrow, Bolt, Condor, Drift, Echo -> model name, name
  category cat road, gravel, city, cargo, kids -> category, type of bike
  list_price num 320..7400 -> list price, price ^ most expensive/cheapest
  weight_kg rate 6.0..34.0 -> weight in kg, weight ^ heaviest/lightest
parts: part/parts, component/components
  part_no id -> part number
  part_name name Brake Set, Crank, Fork, Saddle, Wheel -> part name, name
  maker cat Agilo, Benko, Corsair, Dynamo -> maker, manufacturer @ made by
  unit_cost rate 2.0..480.0 -> unit cost
fittings: fitting/fittings, parts-list entry/parts-list entries
  fitting_id id
  model_id fk models used on
  part_no fk parts with
  pieces num 1..12 -> number of pieces, piece count
  added_on date 2019..2024 -> date added

[solar_installer]
!installers: installer/installers, fitter/fitters
  installer_id id
  installer_name name Aki Sato, Ben Noor, Cate Bloom, Dom Reese -> name
  certified_on date 2012..2023 -> certification date @ certified
  day_wage num 130..310 -> daily wage ^ best-paid/worst-paid
  depot cat Lugano, Vaduz, Bregenz, Chur -> depot @ based in
roofs: installation/installations, rooftop system/rooftop systems
  system_id id
  installer_id fk installers built by
  roof_kind cat flat, gable, shed, hip -> roof type
  panels num 6..140 -> number of panels, panel count
  watts_per_panel rate 280..460 -> wattage per panel, panel wattage
  built_on date 2019..2024 -> completion date @ completed
  grid_date date? 2019..2024 -> grid connection date
  = panels * watts_per_panel
callouts: callout/callouts, service call/service calls
  callout_id id
  system_id fk roofs made for
  fault cat inverter, wiring, shading, panel -> fault, type of fault
  bill num 0..900 -> bill amount

[chip_fab]
fabs: fab/fabs, plant/plants
  fab_id id
  fab_name name Alpine One, Bayfront, Delta Works, Kilo Park -> name
  country cat Ireland, Japan, Taiwan, Israel -> country, host country @ located in
  cleanroom_m2 num 2000..40000 -> cleanroom area in square metres, cleanroom area ^ largest/smallest
wafers: wafer lot/wafer lots, lot/lots
  lot_code id -> lot code
  fab_id fk fabs produced at
  node_nm rate 3..90 -> process node in nm, process node
  good_dies num 100..2400 -> number of good dies, good die count
  bad_dies num 0..600 -> number of bad dies, bad die count
  started_on date 2023..2024 -> start date @ started
  = good_dies + bad_dies
customers_served: chip customer/chip customers, customer/customers
  customer_id id
  lot_code fk wafers supplied from
  customer_name name Axon, Bitfield, Core9, Dualtone -> customer name, name
  sector cat automotive, phones, servers, toys -> sector, industry @ active in

[forest_estate]
stands: stand/stands, forest stand/forest stands
  stand_id id
  stand_name name Abbot Wood, Crow Hill, Foxley, Long Acre -> name
  main_species cat spruce, oak, larch, birch -> main species
  area_ha rate 1.0..120.0 -> area in hectares, area ^ largest/smallest
  planted_on date 1950..2015 -> planting date @ planted
fellings: felling/fellings, harvest/harvests
  felling_id id
  stand_id fk stands done in
  volume_m3 num 10..2800 -> volume in cubic metres, timber volume ^ largest/smallest
  price_per_m3 rate 24..110 -> price per cubic metre
  buyer cat Brandt Mill, Kerr Timber, Nordpulp, Sawco -> buyer, purchaser @ sold to
  felled_on date 2019..2024 -> felling date @ felled
  = volume_m3 * price_per_m3
!rangers: ranger/rangers, forester/foresters
  ranger_id id
  ranger_name name Ailsa Kirk, Bram Holt, Catrin Wyn, Duncan Roy -> name
  stand_id fk stands responsible for
  years_service rate 1..39 -> service length in years ^ longest-serving/newest

[perfume_house]
!perfumers: perfumer/perfumers, nose/noses
  perfumer_id id
  perfumer_name name Colette Vire, Dario Monti, Elif Sari, Fleur Bonn -> name
  school cat Grasse, Paris, Milan, Istanbul @ trained in
  retainer num 1800..9600 -> monthly retainer
perfumes: perfume/perfumes, fragrance/fragrances
  perfume_id id
  perfumer_id fk perfumers created by
  perfume_name name Ambre Nu, Cuir Bleu, Figue Haute, Iris Noir, Sel Marin -> name
  family cat floral, woody, citrus, oriental -> scent family
  price_50ml rate 35..290 -> price of 50 ml, price ^ priciest/cheapest
  launched_on date 2005..2024 -> launch date @ launched
  withdrawn_on date? 2010..2024 -> withdrawal date
shop_sales: shop sale/shop sales, sale/sales
  sale_id id
  perfume_id fk perfumes of
  boutique cat Rue Haute, Via Nera, Kings Row, Altmarkt -> boutique @ made at
  bottles num 1..30 -> number of bottles, bottle count
"""
