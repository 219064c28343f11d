//! Tables and keys as small numbers.

use std::collections::HashMap;
use std::fmt;

/// Keys between two bounds: the key, and whether it belongs to the span.
pub(super) type Span = [Option<(u32, bool)>; 2];

/// What a key or a value is called. Numbers come before texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Name {
    Int(i64),
    Text(Box<str>),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Name {
    /// A text that is written as a number is one.
    pub(super) fn of(text: &str) -> Self {
        match text.parse::<i64>() {
            Ok(number) if number.to_string() == text => Self::Int(number),
            _ => Self::Text(text.into()),
        }
    }
}

/// The tables of a history and the keys of all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    tables: Vec<Table>,
    keys: Vec<(u32, Name)>,
    /// The place of each key in the order of its table; see [`Names::arrange`].
    ranks: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct Table {
    name: Box<str>,
    ids: HashMap<Name, u32>,
    /// In the order of the keys, once it is arranged.
    sorted: Vec<u32>,
    /// The order is as told, not that of the names.
    told: bool,
}

impl Names {
    /// The table of this name.
    pub(super) fn table(&mut self, name: &str) -> u32 {
        let known = self.tables.iter().position(|table| &*table.name == name);
        let place = known.unwrap_or_else(|| {
            self.tables.push(Table { name: name.into(), ..Table::default() });
            self.tables.len() - 1
        });
        small(place)
    }

    /// The key of this name in a table.
    pub(super) fn key(&mut self, table: u32, name: Name) -> u32 {
        let next = small(self.keys.len());
        let ids = &mut self.tables[table as usize].ids;
        if let Some(known) = ids.get(&name) {
            return *known;
        }
        ids.insert(name.clone(), next);
        self.keys.push((table, name));
        next
    }

    /// Whether a table has a key of this name.
    pub(super) fn knows(&self, table: u32, name: &Name) -> bool {
        self.tables[table as usize].ids.contains_key(name)
    }

    /// Says that the keys of a table are in this order. Keys that are not among them come
    /// after them.
    pub(super) fn tell_order(&mut self, table: u32, keys: Vec<u32>) {
        let table = &mut self.tables[table as usize];
        table.sorted = keys;
        table.told = true;
    }

    /// Puts the keys of every table in order. To be called when all are there.
    pub(super) fn arrange(&mut self) {
        self.ranks = vec![u32::MAX; self.keys.len()];
        for table in &mut self.tables {
            let told: Vec<u32> =
                if table.told { std::mem::take(&mut table.sorted) } else { vec![] };
            for key in told {
                if self.ranks[key as usize] == u32::MAX {
                    self.ranks[key as usize] = small(table.sorted.len());
                    table.sorted.push(key);
                }
            }
            let known = table.sorted.len();
            let others = table.ids.values().filter(|key| self.ranks[**key as usize] == u32::MAX);
            table.sorted.extend(others);
            table.sorted[known..]
                .sort_by(|a, b| self.keys[*a as usize].1.cmp(&self.keys[*b as usize].1));
            for (rank, key) in table.sorted.iter().enumerate() {
                self.ranks[*key as usize] = small(rank);
            }
        }
    }

    pub(super) fn keys(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn tables(&self) -> usize {
        self.tables.len()
    }

    pub(super) fn table_name(&self, table: u32) -> &str {
        &self.tables[table as usize].name
    }

    pub(super) fn table_of(&self, key: u32) -> u32 {
        self.keys[key as usize].0
    }

    pub(super) fn key_name(&self, key: u32) -> &Name {
        &self.keys[key as usize].1
    }

    /// The place of a key among those of its table.
    pub(super) fn rank(&self, key: u32) -> usize {
        self.ranks[key as usize] as usize
    }

    /// The keys of a table, in order.
    pub(super) fn sorted(&self, table: u32) -> &[u32] {
        &self.tables[table as usize].sorted
    }

    /// The places of the keys of a table between two bounds.
    pub(super) fn places(&self, table: u32, [lower, upper]: Span) -> std::ops::Range<usize> {
        let from = lower.map_or(0, |(key, inside)| self.rank(key) + usize::from(!inside));
        let to = upper
            .map_or(self.sorted(table).len(), |(key, inside)| self.rank(key) + usize::from(inside));
        from..to.max(from)
    }

    /// The keys of a table between two bounds.
    pub(super) fn covered(&self, table: u32, span: Span) -> &[u32] {
        &self.sorted(table)[self.places(table, span)]
    }

    /// Whether the order of a table's keys is not that of their names.
    pub(super) fn is_told(&self, table: u32) -> bool {
        let sorted = self.sorted(table);
        sorted.windows(2).any(|pair| self.key_name(pair[0]) > self.key_name(pair[1]))
    }

    /// A key with its table, for messages.
    pub(super) fn full(&self, key: u32) -> String {
        let table = self.table_name(self.table_of(key));
        let name = self.key_name(key);
        if table.is_empty() { name.to_string() } else { format!("{table}[{name}]") }
    }
}

/// Places are kept in 32 bits; a history with more of anything does not fit into memory.
pub(super) fn small(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
