"""Invented businesses that move people and goods."""

TEXT = """
[ferry_line]
ferries: ferry/ferries, vessel/vessels
  ferry_id id
  ferry_name name Aurora, Blue Heron, Kestrel, Saint Olga, Tidewater, Northern Wren
  hull cat catamaran, monohull, hydrofoil, trimaran -> hull type
  seats num 80..900 -> seating capacity, number of seats ^ roomiest/smallest
  launched_on date 1998..2022 -> launch date @ launched
crossings: crossing/crossings, sailing/sailings
  crossing_id id
  ferry_id fk ferries operated by
  harbour cat Larvik, Roscoff, Ullapool, Gdynia, Ancona -> departure harbour, harbour @ leaving from
  fare num 12..95 -> fare, ticket price ^ priciest/cheapest
  passengers num 20..850 -> number of passengers, passenger count
  sailed_on date 2019..2024 -> sailing date
  delay_reason cat? fog, engine fault, crew shortage, high seas -> delay reason, cause of the delay

[parcel_hub]
depots: depot/depots, hub/hubs
  depot_id id
  depot_name name Mill Lane, Eastgate, Harrow Park, Stonebridge, Quayside
  region cat North, South, Midlands, Coast -> region, area
  dock_doors num 4..60 -> number of dock doors, door count
parcels: parcel/parcels, package/packages
  parcel_id id -> tracking number
  depot_id fk depots handled by
  weight_kg num 1..70 -> weight in kg, weight ^ heaviest/lightest
  service cat express, economy, same-day, freight -> service level
  shipped_on date 2021..2024 -> shipping date @ shipped
  delivered_on date? 2021..2024 -> delivery date
!couriers: courier/couriers, driver/drivers
  courier_id id
  full_name name Ada Moss, Bo Lindahl, Carla Reyes, Dev Patel, Ewa Nowak -> name
  depot_id fk depots based at
  van_size cat small, medium, large -> van size
  hourly_pay rate 11.0..24.0 -> hourly pay, hourly wage

[rail_freight]
wagons: wagon/wagons, railcar/railcars
  wagon_no id -> wagon number
  wagon_class cat tanker, hopper, flatbed, boxcar -> wagon class
  payload_t num 20..95 -> payload in tonnes, payload
  built_on date 1985..2020 -> build date @ built
  owner_name cat Borealis Rail, Kordon, Transvia, Ostbahn -> owner @ owned by
hauls: haul/hauls, freight run/freight runs
  haul_id id
  wagon_no fk wagons done with
  cargo cat grain, steel coil, cement, diesel, timber -> cargo, load
  km num 60..1900 -> distance in km, distance ^ longest/shortest
  toll_cost num 150..4200 -> toll cost
  departed_on date 2020..2024 -> departure date
  origin_yard cat Velm, Dorrick, Sant Pau, Hallein -> origin yard @ starting at

[city_scooters]
stations: station/stations, dock/docks
  station_id id
  station_name name Opera, Riverside, Old Mint, Tech Campus, Market Hall
  district cat Centre, Harbour, University, Westend -> district, part of town
  slots num 6..48 -> number of slots, slot count
rides: ride/rides, trip/trips
  ride_id id
  station_id fk stations started at
  rider_id fk riders taken by
  minutes num 3..95 -> duration in minutes, duration ^ longest/shortest
  charge rate 1.0..19.5 -> charge, price charged
  ride_date date 2022..2024 -> ride date
!riders: rider/riders, customer/customers
  rider_id id
  rider_name name Milo Hart, Nadia Sorel, Oskar Blau, Pia Renn, Quinn Adler
  plan cat pay-as-you-go, monthly, annual, student -> plan, pricing plan @ signed up for
  joined_on date 2020..2024 -> joining date
  age rate 18..72 -> age @ aged

[bus_company]
routes: route/routes, line/lines
  RouteNo id -> route number
  Terminus name Airport, Hillcrest, Zoo Gate, Lakeview, Old Brewery -> terminus
  LengthKm num 4..62 -> length in km, length ^ longest/shortest
  StopCount num 8..54 -> number of stops, stop count
  Zone cat inner, outer, regional, night -> zone, fare zone
buses: bus/buses, vehicle/vehicles
  BusId id
  RouteNo fk routes running on
  FuelType cat diesel, electric, hybrid, hydrogen -> fuel type
  Mileage num 9000..480000 -> mileage
  LastService date? 2022..2024 -> last service date
  SeatCount num 22..88 -> number of seats, seat count

[air_charter]
aircraft: aircraft/aircraft, plane/planes
  tail_no id -> tail number
  model_name name Falcon 8, Orion Jet, Skylark, Swift 200, Condor X -> model name, model
  range_km rate 1200..11000 -> range in km, range
  hangar cat Alpha, Bravo, Delta, Foxtrot -> hangar, home hangar @ kept in
charters: charter/charters, booking/bookings
  charter_id id
  tail_no fk aircraft flown with
  client_id fk clients booked by
  destination cat Malaga, Oslo, Dubrovnik, Tunis, Bergen -> destination, destination city @ going to
  price_eur num 4000..86000 -> price in euros, price ^ most expensive/cheapest
  flight_date date 2021..2024 -> flight date
clients: client/clients, account/accounts
  client_id id
  client_name name Halden Group, Vance Media, Torre Capital, Nimbus Labs
  tier cat silver, gold, platinum, trial
  credit_limit num 10000..250000 -> credit limit, maximum credit

[port_authority]
berths: berth/berths, quay place/quay places
  berth_id id
  berth_code name B12, C07, N31, S05, W18 -> berth code, code
  depth_m rate 6.0..18.0 -> depth in metres, depth ^ deepest/shallowest
  terminal cat container, bulk, cruise, ro-ro -> terminal, terminal type
port_calls: port call/port calls, ship visit/ship visits
  call_id id
  berth_id fk berths made at
  ship_name name Leda Star, Bright Anchor, Ocean Pilgrim, Sable Queen -> ship name
  flag cat Panama, Malta, Liberia, Norway, Greece -> flag state, flag
  gross_tons num 900..98000 -> gross tonnage
  arrived_on date 2022..2024 -> arrival date
  departed_on date? 2022..2024 -> departure date

[taxi_dispatch]
!drivers: driver/drivers, cabbie/cabbies
  drv_id id -> driver ID, ID
  drv_name name Hugo Sand, Irma Falk, Jonas Pike, Kira Novak, Lars Munk -> name
  licence_class cat B1, B96, C1, D1 -> licence class
  years_driving rate 1..38 -> driving experience in years ^ most experienced/least experienced
  home_borough cat Northgate, Eastham, Lowtown, Parkside -> home borough @ living in
fares: fare/fares, job/jobs
  fare_id id
  drv_id fk drivers driven by
  amount rate 5.0..88.0 -> amount, sum paid
  tip rate? 0.5..20.0 -> tip, gratuity
  pay_method cat cash, card, app, invoice -> payment method @ paid by
  fare_date date 2022..2024 -> fare date
  = amount + tip

[moving_firm]
crews: crew/crews, team/teams
  crew_id id
  crew_name name Red, Indigo, Falcon, Bison, Maple
  truck_type cat box truck, van, lorry, trailer -> truck type
  members num 2..8 -> number of members, crew size
jobs: removal/removals, move/moves
  job_id id
  crew_id fk crews carried out by
  origin_city cat Bonn, Lille, Graz, Turin, Ghent -> origin city @ starting in
  volume_m3 num 5..120 -> volume in cubic metres, volume ^ largest/smallest
  hours num 2..30 -> number of hours, hour count
  hourly_rate rate 40..160 -> hourly rate, rate per hour
  moved_on date 2021..2024 -> moving date
  = hours * hourly_rate

[customs_broker]
importers: importer/importers, importing firm/importing firms
  importer_id id
  firm_name name Almond & Co, Baltic Trade, Cobalt Goods, Delphi Foods -> firm name, name
  home_country cat Spain, Latvia, Ireland, Austria, Cyprus -> home country, country @ established in
  bond_amount num 5000..90000 -> bond amount
declarations: declaration/declarations, customs entry/customs entries
  decl_no id -> declaration number
  importer_id fk importers filed by
  goods_class cat textiles, machinery, produce, toys, chemicals -> goods class
  goods_value num 800..150000 -> goods value, value of goods
  duty_paid num 0..18000 -> duty paid, duty
  filed_on date 2020..2024 -> filing date @ filed
  cleared_on date? 2020..2024 -> clearance date
  = goods_value + duty_paid

[cold_chain]
trucks: reefer truck/reefer trucks, truck/trucks
  truck_id id
  plate name KL-204, MV-778, PR-019, ST-530, XZ-612 -> licence plate, plate
  max_load_kg num 3000..24000 -> maximum load in kg, maximum load
  cooling cat cryogenic, compressor, eutectic -> cooling system
deliveries: delivery/deliveries, drop/drops
  delivery_id id
  truck_id fk trucks made with
  product cat vaccines, ice cream, seafood, flowers, dairy -> product, product carried
  temp_c rate 1.0..9.0 -> temperature in degrees, temperature ^ warmest/coldest
  pallets num 1..33 -> number of pallets, pallet count
  delivered_on date 2022..2024 -> delivery date @ delivered
  complaint text? -> complaint

[canal_boats]
boats: narrowboat/narrowboats, boat/boats
  boat_id id
  boat_name name Heron Song, Lazy Otter, Molly May, Slow Tide, Old Jasper
  berths num 2..12 -> number of berths, number of sleeping places, berth count
  weekly_price rate 350..2400 -> weekly price ^ dearest/cheapest
  marina cat Braunston, Gayton, Whixall, Stourport @ moored at
hires: hire/hires, rental/rentals
  hire_id id
  boat_id fk boats made for
  weeks num 1..4 -> number of weeks, hire length in weeks
  deposit num 50..600 -> deposit, security deposit
  start_date date 2021..2024 -> start date @ starting
  channel cat website, phone, agency, walk-in -> booking channel @ booked by
"""
