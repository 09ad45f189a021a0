"""Invented businesses that sell, store and bill."""

TEXT = """
[saas_billing]
tenants: tenant/tenants, account/accounts
  tenant_id id
  company name Brightleaf, Corvid Labs, Domino Soft, Ember & Ash, Fathom -> company name, name
  plan_tier cat free, starter, growth, enterprise -> plan tier, plan @ subscribed to
  seats num 1..400 -> number of seats, seat count ^ largest/smallest
  signed_up date 2018..2024 -> sign-up date @ signed up
invoices: invoice/invoices, bill/bills
  invoice_no id -> invoice number
  tenant_id fk tenants issued to
  amount_due num 20..9000 -> amount due ^ largest/smallest
  currency cat EUR, USD, GBP, SEK -> currency, billing currency
  issued_on date 2021..2024 -> issue date @ issued
  paid_on date? 2021..2024 -> payment date
invoice_lines: invoice line/invoice lines, line item/line items
  line_id id
  invoice_no fk invoices listed on
  feature cat storage, API calls, support, add-on -> feature, feature billed
  units num 1..500 -> number of units, unit count
  unit_price rate 1.0..60.0 -> unit price
  = units * unit_price

[garden_wholesale]
suppliers: supplier/suppliers, nursery/nurseries
  supplier_id id
  supplier_name name Greenholm, Larkspur Farm, Oakvale, Petal Bros, Rootstock -> name
  county cat Kent, Devon, Norfolk, Fife, Antrim -> county, home county @ located in
  lead_days rate 2..30 -> lead time in days, lead time ^ slowest/fastest
plants: plant/plants, plant line/plant lines
  plant_id id
  supplier_id fk suppliers supplied by
  common_name name Lavender, Foxglove, Box Hedge, Maidenhair Fern, Dogwood -> common name, name
  light_need cat full sun, half shade, deep shade, any -> light requirement
  unit_cost rate 1.0..48.0 -> unit cost ^ most expensive/cheapest
  stock num 0..900 -> stock level, number in stock
  = stock * unit_cost
orders_placed: order/orders, purchase order/purchase orders
  po_id id -> purchase order number
  plant_id fk plants placed for
  quantity num 5..600 -> quantity, quantity ordered
  placed_on date 2021..2024 -> order date @ placed
  state cat draft, sent, received, cancelled -> state, order status

[pallet_warehouse]
aisles: aisle/aisles, rack row/rack rows
  aisle_id id
  aisle_label name A1, A2, B4, C7, D9, F3 -> label
  climate cat ambient, chilled, frozen -> climate zone
  levels num 2..9 -> number of levels, level count
bins: bin/bins, storage slot/storage slots
  bin_id id
  aisle_id fk aisles located in
  max_kg num 100..1800 -> maximum weight in kg, weight limit
  bin_kind cat floor, shelf, cage, tote -> bin type
stock_items: stock item/stock items, article/articles
  sku id -> SKU
  bin_id fk bins stored in
  item_name name Hex Bolts, Cable Drum, Paint Tub, Work Gloves, Lamp Kit -> item name, name
  on_hand num 0..1200 -> quantity on hand, stock on hand
  reorder_level num 10..300 -> reorder level
  counted_on date? 2022..2024 -> last count date
  = on_hand - reorder_level
!pickers: picker/pickers, warehouse worker/warehouse workers
  picker_id id
  picker_name name Tove Lind, Uri Katz, Vera Holm, Will Tanner, Xenia Popa -> name
  shift cat early, late, night, weekend -> shift, working shift
  aisle_id fk aisles working in
  lines_per_hour rate 40..190 -> pick rate per hour, hourly pick rate ^ fastest/slowest

[online_bookshop]
publishers: publisher/publishers, publishing house/publishing houses
  publisher_id id
  publisher_name name Anvil Press, Lanternfish, Mosaic House, Quill & Co -> name
  city cat Leeds, Boston, Porto, Lyon, Utrecht -> city, home city @ based in
books: book/books, title/titles
  isbn id -> ISBN
  publisher_id fk publishers brought out by
  title name Salt Roads, The Paper Orchard, Iron Weather, Night Ledger -> title
  genre cat crime, poetry, history, travel, science -> genre, subject area
  list_price rate 5.0..60.0 -> list price, price ^ dearest/cheapest
  pages num 80..900 -> number of pages, page count ^ longest/shortest
  released date 2010..2024 -> release date @ released
sales: sale/sales, book sale/book sales
  sale_id id
  isbn fk books made of
  copies num 1..40 -> number of copies, copy count
  sale_channel cat web, app, phone, marketplace -> sales channel
  sold_on date 2022..2024 -> sale date

[coffee_roastery]
farms: farm/farms, grower/growers
  farm_id id
  farm_name name Alta Vista, Boa Sorte, El Nido, Kilima, Santa Rita -> farm name, name
  country cat Brazil, Ethiopia, Peru, Kenya, Sumatra -> country, country of origin @ located in
  altitude_m rate 600..2200 -> altitude in metres, altitude ^ highest/lowest
lots: lot/lots, coffee lot/coffee lots
  lot_id id
  farm_id fk farms grown by
  process cat washed, natural, honey, wet-hulled -> processing method
  bags num 5..320 -> number of bags, bag count
  cup_score rate 78.0..92.0 -> cupping score, cup score ^ best-scoring/worst-scoring
  bought_on date 2021..2024 -> purchase date @ bought
roasts: roast/roasts, roast batch/roast batches
  batch_no id -> batch number
  lot_id fk lots made from
  roast_level cat light, medium, dark, espresso -> roast level
  kilos num 5..60 -> weight in kilos
  roasted_on date 2022..2024 -> roast date @ roasted

[fashion_outlet]
brands: brand/brands, label/labels
  BrandId id
  BrandName name Cobble, Fjordwear, Lumen, Oxbow, Tansy -> brand name, name
  Origin cat Italy, Denmark, Portugal, Japan -> country of origin, home country @ from
  Discount rate 5..60 -> discount percentage, discount
garments: garment/garments, clothing item/clothing items
  GarmentId id
  BrandId fk brands made by
  Style name Pea Coat, Wrap Dress, Chinos, Rain Cape, Cardigan -> style name, style
  Size cat XS, S, M, L, XL
  Price num 12..420 -> price, retail price ^ most expensive/cheapest
  Colour cat navy, olive, cream, rust, black
returns: return/returns, returned item/returned items
  ReturnId id
  GarmentId fk garments made of
  Reason cat too small, too large, faulty, changed mind -> return reason, reason
  Refund num 5..400 -> refund, refund amount
  ReturnedOn date 2022..2024 -> return date

[wine_cellar]
estates: estate/estates, winery/wineries
  estate_id id
  estate_name name Chateau Brume, Quinta Alba, Weingut Sonn, Domaine Roc -> estate name, name
  appellation cat Loire, Douro, Mosel, Rioja, Etna -> appellation, wine region
  hectares num 3..140 -> vineyard area in hectares, vineyard area ^ largest/smallest
wines: wine/wines, bottle type/bottle types
  wine_id id
  estate_id fk estates produced by
  label name Vieilles Vignes, Rosado, Kabinett, Gran Seleccion, Nero -> label, wine label
  colour cat red, white, rose, orange
  vintage rate 1998..2023 -> vintage year ^ youngest/oldest
  bottle_price rate 7..380 -> bottle price ^ priciest/cheapest
  bottles num 0..700 -> number of bottles, bottle count
  = bottles * bottle_price
tastings: tasting/tastings, tasting note/tasting notes
  tasting_id id
  wine_id fk wines held on
  points rate 70..99 -> score in points, score
  taster cat Abel, Brigit, Cosimo, Dagny @ done by
  tasted_on date 2020..2024 -> tasting date

[hardware_rental]
tools: tool/tools, machine/machines
  tool_id id
  tool_name name Concrete Saw, Floor Sander, Mini Digger, Tile Cutter, Generator -> name
  category cat cutting, lifting, earthmoving, power, cleaning -> category, type of equipment
  day_rate rate 12..320 -> day rate, price per day ^ dearest/cheapest
  bought_on date 2015..2023 -> purchase date @ bought
contractors: contractor/contractors, trade customer/trade customers
  contractor_id id
  trading_name name Abbott Build, Crane & Sons, Dunmore Ltd, Fix It Fast -> trading name, name
  town cat Derby, Luton, Truro, Wigan @ based in
  balance num 0..8000 -> outstanding balance, balance
loans: loan/loans, tool loan/tool loans
  loan_id id
  tool_id fk tools covering
  contractor_id fk contractors taken out by
  days num 1..45 -> number of days, loan length ^ longest/shortest
  out_date date 2021..2024 -> pick-up date
  back_date date? 2021..2024 -> return date
  damage_note text? -> damage note

[grocery_delivery]
!shoppers: shopper/shoppers, customer/customers
  shopper_id id
  shopper_name name Amy Dunn, Ben Osei, Chloe Marsh, Dina Aziz, Eli Roth -> name
  postcode_area cat BS, CF, EX, GL, SN -> postcode area @ living in
  loyalty_points num 0..5200 -> loyalty point balance, number of loyalty points
  email text? -> email address
baskets: basket/baskets, grocery order/grocery orders
  basket_id id
  shopper_id fk shoppers placed by
  slot cat morning, midday, evening, late -> delivery slot
  total rate 12.0..240.0 -> order total, basket value ^ biggest/smallest
  delivery_fee rate 0.0..8.0 -> delivery fee, delivery charge
  ordered_on date 2022..2024 -> order date @ ordered
  = total + delivery_fee
basket_lines: basket line/basket lines, product line/product lines
  line_id id
  basket_id fk baskets contained in
  product cat bread, milk, apples, rice, detergent
  pieces num 1..24 -> number of pieces, piece count
  substituted_by text? -> substitute

[toy_importer]
factories: factory/factories, plant/plants
  factory_id id
  factory_name name Bluegum Works, Lotus Line, Panda Plast, Tamarind -> name
  nation cat Vietnam, China, Poland, Mexico -> nation, country @ located in
  audit_score rate 40..100 -> audit score
toys: toy/toys, article/articles
  toy_id id
  factory_id fk factories produced by
  toy_name name Rocket Racer, Tea Set, Puzzle Barn, Robo Pup, Sky Kite -> toy name, name
  age_group cat 0-2, 3-5, 6-8, 9-12 -> age group
  cost rate 1.0..28.0 -> cost price
  margin_pct rate 10..70 -> margin percentage, margin
shipments: shipment/shipments, consignment/consignments
  shipment_id id
  toy_id fk toys carrying
  cartons num 4..800 -> number of cartons, carton count ^ largest/smallest
  port_of_entry cat Felixstowe, Antwerp, Hamburg, Valencia -> port of entry, entry port @ landed at
  eta date 2022..2024 -> expected arrival date

[antique_auctions]
!consignors: consignor/consignors, seller/sellers
  consignor_id id
  consignor_name name Lady Ashby, Mr Corrin, Estate of Dahl, Ms Verrall -> name
  region cat Cotswolds, Borders, Pembroke, Suffolk @ living in
  commission_pct rate 8..25 -> commission percentage, commission
auction_lots: lot/lots, auction lot/auction lots
  lot_no id -> lot number
  consignor_id fk consignors consigned by
  description name Oak Settle, Silver Ewer, Delft Tile, Brass Sextant -> description
  period cat Georgian, Victorian, Tudor, Art Deco -> period, era
  estimate num 50..9000 -> estimate, estimated value
  hammer_price num? 40..14000 -> hammer price ^ most expensive/cheapest
  sale_date date 2020..2024 -> sale date
  = hammer_price - estimate
bids: bid/bids, offer/offers
  bid_id id
  lot_no fk auction_lots made on
  bid_amount num 20..14000 -> bid amount ^ highest/lowest
  bid_mode cat room, phone, online, commission -> bidding mode @ placed by

[paper_mill]
machines: paper machine/paper machines, machine/machines
  machine_id id
  machine_name name PM1, PM2, Big Bertha, Old Faithful, Voyager -> name
  width_cm rate 180..900 -> width in cm, web width ^ widest/narrowest
  hall cat East Hall, West Hall, Annex
reels: reel/reels, paper reel/paper reels
  reel_id id
  machine_id fk machines made on
  grade cat newsprint, kraft, coated, tissue -> paper grade, grade
  gsm rate 18..300 -> grammage
  reel_kg num 300..3800 -> reel weight in kg, reel weight ^ heaviest/lightest
  made_on date 2022..2024 -> production date @ produced
defects: defect/defects, quality defect/quality defects
  defect_id id
  reel_id fk reels found on
  defect_kind cat hole, wrinkle, stain, edge crack -> defect type
  position_m rate 5..9000 -> position in metres, position
  severity rate 1..5 -> severity, severity score

[print_on_demand]
!designers: designer/designers, artist/artists
  designer_id id
  handle name inkfox, mono_moth, palegreen, quietline, zigzag -> handle, user name
  royalty_pct rate 5..40 -> royalty percentage, royalty
  country cat Canada, Chile, Finland, India @ living in
designs: design/designs, artwork/artworks
  design_id id
  designer_id fk designers drawn by
  design_title name Desert Fox, Tidal Lines, Neon Fern, Paper Moon -> title
  theme cat animals, abstract, plants, space
  uploaded_on date 2020..2024 -> upload date @ uploaded
  likes num 0..4800 -> number of likes, like count ^ most liked/least liked
print_jobs: print job/print jobs, print/prints
  job_id id
  design_id fk designs using
  medium cat t-shirt, mug, poster, tote bag -> product type
  run_size num 1..250 -> run size, number of copies
  unit_profit rate 1.0..14.0 -> profit per unit
  = run_size * unit_profit
"""
