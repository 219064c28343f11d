//! The little language of the corpora: what a session does with what it read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::corpus::case::{list, text};

/// What a session's operations work on: a transaction of the engine, or a plain map.
pub trait Store {
    fn get(&mut self, key: &str) -> Option<Value>;
    /// The rows of `lower..upper` that match `filter`, at most `limit`.
    fn scan(&mut self, range: (&str, &str), filter: Option<&Value>, limit: usize) -> Rows;
    fn put(&mut self, key: String, value: Value);
    fn delete(&mut self, key: &str);
}

pub type Rows = Vec<(String, Value)>;

/// How a session goes on after an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    Goes,
    Commits,
    /// Gives up by itself, and why.
    GivesUp(String),
}

/// The state of a session's program.
#[derive(Clone, Debug, Default)]
pub struct Program {
    variables: BTreeMap<String, Value>,
    /// Every read in its order: the variable, and what was read.
    pub reads: Vec<(String, Value)>,
}

impl Program {
    /// Performs one operation.
    pub fn perform(&mut self, store: &mut impl Store, op: &Value) -> Flow {
        if !op["if"].is_null() && !self.holds(&op["if"]) {
            return Flow::Goes;
        }
        match text(&op["op"]).as_str() {
            "begin" | "noop" => {}
            "commit" => return Flow::Commits,
            "abort" => return Flow::GivesUp("abort".to_string()),
            "fail_if" if self.holds(&op["cond"]) => return Flow::GivesUp(text(&op["error"])),
            "fail_if" => {}
            "get" => {
                let value = store.get(&self.key(&op["key"])).unwrap_or(Value::Null);
                self.read(op, value);
            }
            "scan" => {
                let limit = op["limit"].as_u64().map_or(usize::MAX, |limit| limit as usize);
                let filter = Some(&op["where"]).filter(|filter| !filter.is_null());
                let (lower, upper) = (text(&op["lo"]), text(&op["hi"]));
                let rows = store.scan((&lower, &upper), filter, limit);
                self.read(op, rows.into_iter().map(|(key, value)| json!([key, value])).collect());
            }
            "put" => store.put(self.key(&op["key"]), self.eval(&op["value"])),
            "delete" => store.delete(&self.key(&op["key"])),
            "put_each" => {
                for row in self.rows(op) {
                    self.variables.insert("row".to_string(), row[1].clone());
                    store.put(text(&row[0]), self.eval(&op["set"]));
                }
            }
            "delete_each" => {
                for row in self.rows(op) {
                    store.delete(&text(&row[0]));
                }
            }
            other => panic!("unknown operation {other}"),
        }
        Flow::Goes
    }

    fn read(&mut self, op: &Value, value: Value) {
        let name = text(&op["as"]);
        self.variables.insert(name.clone(), value.clone());
        self.reads.push((name, value));
    }

    fn rows(&self, op: &Value) -> Vec<Value> {
        list(self.variable(&op["in"])).to_vec()
    }

    fn variable(&self, name: &Value) -> &Value {
        let name = text(name);
        self.variables.get(&name).unwrap_or_else(|| panic!("{name} was not read"))
    }

    fn holds(&self, condition: &Value) -> bool {
        let is = |kind: &str| Some(&condition[kind]).filter(|name| !name.is_null());
        match (is("absent"), is("present"), is("nonempty")) {
            (Some(name), None, None) => self.variable(name).is_null(),
            (None, Some(name), None) => !self.variable(name).is_null(),
            (None, None, Some(name)) => !list(self.variable(name)).is_empty(),
            _ => panic!("unknown condition {condition}"),
        }
    }

    fn key(&self, key: &Value) -> String {
        text(&self.eval(key))
    }

    fn eval(&self, expression: &Value) -> Value {
        let Some(object) = expression.as_object() else { return expression.clone() };
        let Some((name, arguments)) =
            object.iter().next().filter(|(name, _)| name.starts_with('$'))
        else {
            return object.iter().map(|(name, value)| (name.clone(), self.eval(value))).collect();
        };
        match name.as_str() {
            "$field" => self.variable(&arguments[0])[text(&arguments[1])].clone(),
            "$add" => {
                list(arguments).iter().map(|part| number(&self.eval(part))).sum::<i64>().into()
            }
            "$concat" => {
                list(arguments).iter().map(|part| self.key(part)).collect::<String>().into()
            }
            "$first_key_suffix" => {
                let key = text(&self.variable(&arguments[0])[0][0]);
                key.strip_prefix(&text(&arguments[1])).expect("the prefix").into()
            }
            other => panic!("unknown expression {other}"),
        }
    }
}

/// Whether a row's value matches a `where`.
pub fn matches(filter: &Value, row: &Value) -> bool {
    let object = filter.as_object().expect("a filter is an object");
    let (kind, arguments) = object.iter().next().expect("a filter has a kind");
    let field = || &row[text(&arguments[0])];
    match kind.as_str() {
        "and" => list(arguments).iter().all(|part| matches(part, row)),
        "or" => list(arguments).iter().any(|part| matches(part, row)),
        "isnull" => field().is_null(),
        "eq" => *field() == arguments[1],
        // Only texts are compared, and null is greater than nothing.
        "gt" => field().as_str().is_some_and(|value| value > arguments[1].as_str().expect("text")),
        "ge" => field().as_str().is_some_and(|value| value >= arguments[1].as_str().expect("text")),
        "mod" => number(field()) % number(&arguments[1]) == number(&arguments[2]),
        other => panic!("unknown filter {other}"),
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("not a number: {value}"))
}
