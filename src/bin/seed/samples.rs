//! Generators of realistic users and items.

use fastrand::Rng;
use iso_currency::Currency;
use serverless_crud::resources::{Item, ItemStatus, User, UserRole};
use uuid::Uuid;

const FIRST_NAMES: &[&str] = &[
    "Ada",
    "Alan",
    "Amara",
    "Anders",
    "Barbara",
    "Chen",
    "Clara",
    "Dennis",
    "Edith",
    "Emeka",
    "Fatima",
    "Grace",
    "Hedy",
    "Hugo",
    "Ines",
    "Jamal",
    "Jonas",
    "Katherine",
    "Kofi",
    "Lena",
    "Linus",
    "Mai",
    "Margaret",
    "Mateo",
    "Nadia",
    "Noor",
    "Olu",
    "Priya",
    "Radia",
    "Rosa",
    "Sakura",
    "Sofia",
    "Tim",
    "Vera",
    "Wei",
    "Yusuf",
];
const LAST_NAMES: &[&str] = &[
    "Abbate", "Adeyemi", "Berg", "Castillo", "Dijkstra", "Dubois", "Eriksen", "Fischer", "Garcia", "Hamilton",
    "Haddad", "Ivanova", "Jensen", "Johnson", "Kaya", "Kowalski", "Lamarr", "Liskov", "Lovelace", "Mensah", "Moreau",
    "Nakamura", "Novak", "Okafor", "Patel", "Perlman", "Ritchie", "Rossi", "Sato", "Silva", "Tanaka", "Turing",
    "Vaughan", "Weber", "Yilmaz", "Zhang",
];
const ADJECTIVES: &[&str] = &[
    "Blue",
    "Brushed",
    "Classic",
    "Compact",
    "Folding",
    "Glazed",
    "Green",
    "Hand-made",
    "Heavy",
    "Light",
    "Matt",
    "Narrow",
    "Oiled",
    "Plain",
    "Round",
    "Small",
    "Striped",
    "Vintage",
    "White",
    "Wide",
];
const MATERIALS: &[&str] = &[
    "ash",
    "bamboo",
    "beech",
    "brass",
    "ceramic",
    "copper",
    "cork",
    "cotton",
    "enamel",
    "felt",
    "glass",
    "leather",
    "linen",
    "oak",
    "porcelain",
    "slate",
    "steel",
    "stoneware",
    "walnut",
    "wool",
];
/// Products with their category and approximate price in cents.
const PRODUCTS: &[(&str, &str, i64)] = &[
    ("backpack", "travel", 8900),
    ("blanket", "home", 6900),
    ("bookshelf", "furniture", 24900),
    ("bottle", "travel", 2400),
    ("bowl", "kitchen", 1900),
    ("candle holder", "home", 1600),
    ("clock", "home", 5400),
    ("coaster set", "kitchen", 1400),
    ("cup", "kitchen", 1200),
    ("cutting board", "kitchen", 3900),
    ("desk lamp", "lighting", 7900),
    ("espresso pot", "kitchen", 3400),
    ("floor lamp", "lighting", 15900),
    ("notebook", "office", 1100),
    ("pen tray", "office", 2200),
    ("picture frame", "home", 2700),
    ("side table", "furniture", 18900),
    ("stool", "furniture", 11900),
    ("teapot", "kitchen", 4200),
    ("vase", "home", 3600),
];
const TAGS: &[&str] = &["bestseller", "fragile", "gift", "last pieces", "local", "new", "repairable", "second hand"];

/// Generates user number `index`.
pub fn generate_user(seed: u64, index: u64) -> User {
    let mut rng = new_rng(seed, "user", index);
    let (first, last) = (pick(&mut rng, FIRST_NAMES), pick(&mut rng, LAST_NAMES));
    // The index makes addresses unique within a seed, and the seed makes them unique across seeds.
    let email = format!("{}.{}.{seed}-{index}@example.com", first.to_lowercase(), last.to_lowercase());
    User {
        name: format!("{first} {last}"),
        email,
        role: if rng.u8(..) < 13 { UserRole::Admin } else { UserRole::Member },
        // 555-01xx is reserved for fiction.
        phone: rng.bool().then(|| format!("+1{}55501{:02}", rng.u16(201..=989), rng.u8(..100))),
    }
}

/// Generates item number `index`, owned by one of the owners.
pub fn generate_item(seed: u64, index: u64, owners: &[Uuid]) -> Item {
    let mut rng = new_rng(seed, "item", index);
    let (adjective, material) = (pick(&mut rng, ADJECTIVES), pick(&mut rng, MATERIALS));
    let (product, category, price) = PRODUCTS[rng.usize(..PRODUCTS.len())];
    let owner = owners[rng.usize(..owners.len())];
    Item {
        name: format!("{adjective} {material} {product}"),
        description: rng
            .bool()
            .then(|| format!("A {} {product} of {material}, for {category}.", adjective.to_lowercase())),
        price_cents: price / 2 + rng.i64(0..price) / 10 * 10,
        currency: *pick(&mut rng, &[Currency::EUR, Currency::EUR, Currency::USD, Currency::GBP]),
        status: *pick(&mut rng, &[ItemStatus::Active, ItemStatus::Active, ItemStatus::Draft, ItemStatus::Archived]),
        tags: std::iter::once(category).chain(rng.bool().then(|| *pick(&mut rng, TAGS))).map(str::to_owned).collect(),
        owner_id: Some(owner),
    }
}

fn new_rng(seed: u64, kind: &str, index: u64) -> Rng {
    let kind = u64::from(kind.as_bytes()[0]) << 56;
    let mut rng = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ kind ^ index);
    // The first values of adjacent seeds are correlated.
    for _ in 0..4 {
        rng.u64(..);
    }
    rng
}

fn pick<'a, T>(rng: &mut Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.usize(..choices.len())]
}
