"""Invented organisations that care, teach, insure and govern."""

TEXT = """
[walk_in_clinic]
!physicians: physician/physicians, doctor/doctors
  physician_id id
  physician_name name Dr Amadi, Dr Brandt, Dr Castell, Dr Dimov, Dr Eriksen -> name
  specialty cat cardiology, dermatology, paediatrics, neurology @ specialised in
  hired_on date 2006..2023 -> hiring date @ hired
  salary num 62000..184000 -> salary, annual pay ^ best-paid/worst-paid
!patients: patient/patients
  patient_id id
  patient_name name Agnes Row, Bruno Klee, Celia Ford, Dario Nunes, Edda Lie -> name
  birth_date date 1938..2019 -> date of birth, birth date @ born
  insurer cat Medisure, NordCare, Publica, none -> health insurer @ insured with
  phone text? -> phone number
clinic_visits: visit/visits, appointment/appointments
  visit_id id
  physician_id fk physicians seen by
  patient_id fk patients made by
  visit_date date 2021..2024 -> visit date
  minutes num 5..75 -> length in minutes, duration ^ longest/shortest
  fee num 20..480 -> fee, charge
  diagnosis cat? flu, eczema, migraine, sprain -> diagnosis

[vet_practice]
!owners: owner/owners, pet owner/pet owners
  owner_id id
  owner_name name Fay Wilde, Gus Imre, Hana Toth, Ivo Krall, Jo Peck -> name
  suburb cat Ashgrove, Birchley, Coldwell, Fenwick -> suburb, part of town @ living in
pets: pet/pets, animal/animals
  pet_id id
  owner_id fk owners owned by
  pet_name name Biscuit, Duke, Miso, Olive, Pepper, Shadow -> name
  species cat dog, cat, rabbit, parrot, tortoise -> species, kind of animal
  weight_kg rate 0.5..60.0 -> weight in kg, weight ^ heaviest/lightest
  born_on date 2008..2023 -> date of birth, birth date @ born
treatments: treatment/treatments, procedure/procedures
  treatment_id id
  pet_id fk pets given to
  procedure_kind cat vaccination, dental, surgery, check-up -> type of procedure, procedure type
  cost num 25..1900 -> cost, price ^ most expensive/cheapest
  treated_on date 2021..2024 -> treatment date @ carried out
  follow_up date? 2022..2025 -> follow-up date

[dental_lab]
dentists: dental practice/dental practices, practice/practices
  practice_id id
  practice_name name Smile Point, Bright Bite, Molar House, White Arch -> practice name, name
  city cat Basel, Trier, Metz, Namur @ based in
  monthly_cap num 10..120 -> monthly capacity
crowns: crown order/crown orders, order/orders
  order_no id -> order number
  practice_id fk dentists sent by
  material cat zirconia, gold, ceramic, resin -> material, crown material @ made of
  lab_fee num 60..720 -> lab fee ^ dearest/cheapest
  remake_cost num 0..300 -> remake cost
  received_on date 2022..2024 -> receipt date @ received
  finished_on date? 2022..2024 -> completion date
  = lab_fee + remake_cost

[home_insurance]
policyholders: policyholder/policyholders, household/households
  holder_id id
  holder_name name Arden, Bellamy, Calloway, Draper, Everett -> family name, name
  region cat Highlands, Lowlands, Islands, Border -> region, area @ living in
  claim_free_years rate 0..25 -> number of claim-free years, claim-free period in years
policies: policy/policies, contract/contracts
  policy_no id -> policy number
  holder_id fk policyholders held by
  cover_type cat contents, buildings, combined, landlord -> type of cover, cover type
  premium num 90..2100 -> yearly premium, premium ^ dearest/cheapest
  excess num 50..1000 -> excess
  starts_on date 2019..2024 -> start date @ starting
claims: claim/claims, loss/losses
  claim_no id -> claim number
  policy_no fk policies made under
  cause cat storm, theft, fire, leak, glass -> cause, cause of damage @ caused by
  claimed num 80..42000 -> amount claimed, claim amount
  paid_out num? 0..40000 -> amount paid out
  reported_on date 2020..2024 -> report date @ reported
  = claimed - paid_out

[motor_insurance]
!drivers: driver/drivers, motorist/motorists
  DriverId id
  DriverName name Kay Lowe, Liv Berg, Max Orr, Noa Stein, Otis Ray -> name
  Age rate 18..84 -> age @ aged ^ oldest/youngest
  LicenceSince date 1970..2022 -> licence date @ licensed
  Points num 0..11 -> number of penalty points, penalty point total
cars: car/cars, insured car/insured cars
  Plate id -> plate
  DriverId fk drivers registered to
  Make cat Fiat, Volvo, Dacia, Kia, Seat -> make
  Engine cat petrol, diesel, electric, hybrid -> engine type
  Worth num 900..64000 -> value, market value ^ most valuable/least valuable
accidents: accident/accidents, crash/crashes
  AccidentId id
  Plate fk cars involving
  Road cat motorway, city street, car park, country lane -> type of road, road type
  Damage num 150..28000 -> damage, damage amount
  HappenedOn date 2020..2024 -> accident date

[language_school]
!teachers: teacher/teachers, tutor/tutors
  teacher_id id
  teacher_name name Paola Riva, Quentin Roux, Rita Sousa, Sven Dahl, Tara Quinn -> name
  native_language cat Italian, French, Portuguese, Swedish -> native language
  hourly_fee rate 18..70 -> hourly fee ^ most expensive/cheapest
classes: class/classes, course/courses
  class_id id
  teacher_id fk teachers taught by
  class_title name Beginners I, Exam Prep, Business Talk, Grammar Lab -> title
  cefr_level cat A1, A2, B1, B2, C1 -> level
  places num 4..24 -> number of places, class size
  starts_on date 2022..2025 -> start date @ starting
enrolments: enrolment/enrolments, registration/registrations
  enrolment_id id
  class_id fk classes made for
  learner_id fk learners made by
  paid num 0..640 -> amount paid
  grade rate? 1..10 -> final grade
!learners: learner/learners, student/students
  learner_id id
  learner_name name Ugo Bass, Vida Cole, Wes Hahn, Xia Lu, Yara Saab -> name
  home_town cat Cork, Galway, Sligo, Tralee -> home town @ living in
  age rate 16..71 -> age, age in years @ aged ^ oldest/youngest

[nursery_school]
groups_list: play group/play groups, nursery group/nursery groups
  group_id id
  group_name name Hedgehogs, Ladybirds, Otters, Sparrows -> name
  room cat Sunny Room, Garden Room, Loft -> room @ meeting in
  max_children rate 8..22 -> maximum number of children, child limit
!children: child/children
  child_id id
  group_id fk groups_list belonging to
  first_name name Alba, Ben, Cleo, Dag, Eira, Finn -> first name
  born_on date 2018..2022 -> birth date @ born
  hours_per_week num 10..45 -> weekly attendance in hours, number of weekly hours
  allergy cat? nuts, milk, eggs, pollen
fees: fee/fees, monthly fee/monthly fees
  fee_id id
  child_id fk children charged for
  amount num 120..980 ^ highest/lowest
  due_on date 2023..2024 -> due date @ due
  status cat open, paid, waived, overdue -> status, payment status

[university_hostel]
blocks: block/blocks, residence block/residence blocks
  block_id id
  block_name name Ashby, Bolton, Cavell, Dunster -> name
  campus cat North, Park, City, Lakeside @ located on
  floors num 2..12 -> number of floors, floor count ^ tallest/lowest
rooms: room/rooms
  room_id id
  block_id fk blocks located in
  room_class cat single, twin, studio, ensuite -> room type
  monthly_rent num 240..890 -> monthly rent, rent ^ dearest/cheapest
  area_m2 num 9..34 -> area in square metres, floor area
!tenants: tenant/tenants, resident/residents
  tenant_id id
  room_id fk rooms living in
  tenant_name name Ana Ruiz, Bela Kun, Cam Doyle, Dia Mitra -> name
  faculty cat law, medicine, arts, engineering -> faculty, field of study @ enrolled in
  moved_in date 2020..2024 -> move-in date
  moved_out date? 2021..2024 -> move-out date

[blood_bank]
!donors: donor/donors, blood donor/blood donors
  donor_id id
  donor_name name Abe Lind, Bea Soto, Cyd Marr, Dee Obi, Eve Tran -> name
  blood_group cat A+, B-, O+, O-, AB+ -> blood group
  birth_year rate 1955..2005 -> year of birth, birth year
donations: donation/donations
  donation_id id
  donor_id fk donors given by
  site cat mobile unit, central clinic, town hall -> donation site @ given at
  millilitres num 200..500 -> volume in millilitres, volume
  haemoglobin rate 11.0..18.0 -> haemoglobin level
  given_on date 2021..2024 -> donation date
deliveries: delivery/deliveries, hospital delivery/hospital deliveries
  delivery_id id
  donation_id fk donations made from
  hospital cat Saint Anne, Mercy, Northfield, Royal -> hospital, receiving hospital @ sent to
  used_on date? 2021..2024 -> date of use, use date

[pharmacy_chain]
branches: branch/branches, shop/shops
  BranchNo id -> branch number
  BranchName name Abbey Road, Castle Street, Dock Lane, Elm Corner -> branch name, name
  Area cat East, West, Central, Rural
  StaffCount num 2..30 -> number of staff, staff count ^ largest/smallest
medicines: medicine/medicines, drug/drugs
  MedCode id -> medicine code
  MedName name Dolorex, Fervanol, Histaphen, Nasoclar, Somnalin -> medicine name, name
  Form cat tablet, syrup, cream, spray @ sold as
  PackPrice rate 1.0..74.0 -> pack price ^ dearest/cheapest
stock: stock record/stock records, stock entry/stock entries
  StockId id
  BranchNo fk branches kept at
  MedCode fk medicines for
  Packs num 0..400 -> number of packs, pack count
  ExpiresOn date 2023..2027 -> expiry date @ expiring

[care_home]
!residents: resident/residents
  resident_id id
  resident_name name Ada Finch, Bert Oakes, Cora Lunt, Dora Pym -> name
  wing cat Rose, Cedar, Maple, Ivy @ living in
  care_level rate 1..5 -> care level
  admitted_on date 2012..2024 -> admission date @ admitted
!carers: carer/carers, nurse/nurses
  carer_id id
  carer_name name Efe Aydin, Flo Banks, Gil Costa, Hoa Pham -> name
  contract cat full-time, part-time, agency, trainee -> contract type
  weekly_hours num 8..40 -> number of weekly hours, weekly working time
shifts: shift/shifts, care visit/care visits
  shift_id id
  resident_id fk residents spent with
  carer_id fk carers worked by
  minutes num 10..120 -> duration in minutes, duration ^ longest/shortest
  shift_date date 2023..2024 -> shift date
  remark text?

[city_library]
!readers: reader/readers, member/members
  reader_id id
  reader_name name Ines Faro, Jan Kost, Kim Soren, Leo Petit -> name
  card_type cat adult, junior, senior, visitor -> card type
  joined_on date 2010..2024 -> joining date
copies: copy/copies, volume/volumes
  copy_id id
  title name Deep Harbour, Lost Meadow, Stone Choir, The Quiet Map -> title
  shelf cat fiction, local history, science, comics -> shelf @ kept under
  replacement_cost num 8..95 -> replacement cost ^ most expensive/cheapest
checkouts: checkout/checkouts, loan/loans
  checkout_id id
  copy_id fk copies of
  reader_id fk readers made by
  taken_on date 2022..2024 -> loan date
  returned_on date? 2022..2024 -> return date
  fine rate? 0.5..24.0 -> fine, late fee

[town_permits]
!applicants: applicant/applicants, builder/builders
  applicant_id id
  applicant_name name Alder Homes, B. Novak, Cole Estates, D. Ferris -> name
  ward cat Riverside, Old Town, Hill, Station @ based in
permits: permit/permits, building permit/building permits
  permit_no id -> permit number
  applicant_id fk applicants requested by
  purpose cat extension, garage, new house, demolition -> purpose, type of work
  permit_fee num 40..2600 -> permit fee ^ most expensive/cheapest
  floor_m2 num 10..900 -> floor area in square metres, floor area
  filed_on date 2019..2024 -> filing date @ filed
  approved_on date? 2019..2024 -> approval date
inspections: inspection/inspections, site visit/site visits
  inspection_id id
  permit_no fk permits carried out for
  inspector cat Hale, Ibsen, Jolly, Kemp @ done by
  outcome cat pass, fail, recheck, pending -> outcome, result
  inspected_on date 2020..2024 -> inspection date

[animal_shelter]
kennels: kennel/kennels, pen/pens
  kennel_id id
  kennel_name name Birch, Clover, Dandelion, Elder -> name
  building cat main, annex, quarantine, barn -> building, house @ located in
  capacity num 1..9 -> capacity ^ largest/smallest
animals: animal/animals, rescue/rescues
  animal_id id
  kennel_id fk kennels housed in
  nickname name Bandit, Comet, Dotty, Ernie, Freckle -> nickname
  species cat dog, cat, ferret, goat -> species, kind of animal
  age_months rate 1..160 -> age in months ^ oldest/youngest
  arrived_on date 2021..2024 -> arrival date
adoptions: adoption/adoptions
  adoption_id id
  animal_id fk animals of
  adopter_town cat Bude, Looe, Padstow, Truro -> adopter town
  adoption_fee num 0..260 -> adoption fee
  adopted_on date 2021..2024 -> adoption date
"""
