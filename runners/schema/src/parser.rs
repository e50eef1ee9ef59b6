//! From the words of a schema to shapes.
//!
//! **Invariant:** every word of a schema is held or refused, in parts that nothing names as well.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Json, SchemaError,
    flat::FlatShapes,
    keywords::{DEFINITIONS, Keywords, ValueType},
    shape::{Field, INTEGER_MAX, IntegerShape, ListShape, RecordShape, Shape, ShapeId, TextShape},
};

/// Bytes of a schema, written without spaces.
pub const SCHEMA_BYTES_MAX: usize = 64 * 1024;
/// Shapes that a schema comes to.
pub(crate) const SHAPES_MAX: usize = 2_048;

pub(crate) fn parse(json: &Json) -> Result<FlatShapes, SchemaError> {
    let bytes = json.written().len();
    if bytes > SCHEMA_BYTES_MAX {
        return Err(SchemaError::TooLong { bytes });
    }
    let mut parser = Parser::default();
    parser.define(json)?;
    let root = parser.shape(json, "")?;
    if let Some((_, own)) = parser.definitions.remove_entry("#") {
        parser.settle(own, root);
    }
    FlatShapes::new(parser.shapes, root)
}

#[derive(Debug, Default)]
struct Parser {
    shapes: Vec<Shape>,
    /// What references name.
    definitions: BTreeMap<String, ShapeId>,
    any: Option<ShapeId>,
}

impl Parser {
    /// Takes in what the root keeps for others. Each can name each, so all have numbers first.
    fn define(&mut self, root: &Json) -> Result<(), SchemaError> {
        let own = self.add(Shape::OneOf(Vec::new()))?;
        self.definitions.insert("#".into(), own);
        let mut due = Vec::new();
        for kind in DEFINITIONS {
            match root.get(kind) {
                None => {}
                Some(Json::Object(fields)) => {
                    for (name, schema) in fields {
                        let path = format!("#/{kind}/{}", escaped(name));
                        let shape = self.add(Shape::OneOf(Vec::new()))?;
                        self.definitions.insert(path.clone(), shape);
                        due.push((path, shape, schema));
                    }
                }
                Some(_) => {
                    let why = "is no object".to_owned();
                    return Err(SchemaError::Wrong { keyword: kind.into(), at: String::new(), why });
                }
            }
        }
        for (path, shape, schema) in due {
            let found = self.shape(schema, path.trim_start_matches('#'))?;
            self.settle(shape, found);
        }
        Ok(())
    }

    /// Says what a number stands for that was given before.
    fn settle(&mut self, shape: ShapeId, found: ShapeId) {
        if let Some(shape) = self.shapes.get_mut(shape) {
            *shape = Shape::OneOf(vec![found]);
        }
    }

    fn add(&mut self, shape: Shape) -> Result<ShapeId, SchemaError> {
        if self.shapes.len() >= SHAPES_MAX {
            return Err(SchemaError::TooMany);
        }
        self.shapes.push(shape);
        Ok(self.shapes.len() - 1)
    }

    fn shape(&mut self, schema: &Json, at: &str) -> Result<ShapeId, SchemaError> {
        let fields = match schema {
            Json::Bool(true) => return self.any(),
            Json::Bool(false) => return Err(SchemaError::Impossible { at: at.to_owned() }),
            Json::Object(fields) => fields,
            Json::Null | Json::Whole(_) | Json::Fraction(_) | Json::Text(_) | Json::List(_) => {
                return Err(SchemaError::NoSchema { at: at.to_owned() });
            }
        };
        let words = Keywords::of(fields, at)?;
        if let Some(target) = words.get("$ref") {
            words.alone("$ref", &[])?;
            return self.reference(&words, target);
        }
        if let Some(several) = words.get("anyOf") {
            words.alone("anyOf", &[])?;
            return self.any_of(&words, several, at);
        }
        if let Some(one) = words.get("const") {
            words.alone("const", &["type"])?;
            return self.literals(&words, "const", std::slice::from_ref(one));
        }
        if let Some(several) = words.get("enum") {
            words.alone("enum", &["type"])?;
            let Json::List(several) = several else { return Err(words.wrong("enum", "is no list")) };
            return self.literals(&words, "enum", several);
        }
        self.typed(&words, at)
    }

    fn reference(&self, words: &Keywords<'_>, target: &Json) -> Result<ShapeId, SchemaError> {
        let Json::Text(target) = target else { return Err(words.wrong("$ref", "is no text")) };
        match self.definitions.get(target) {
            Some(shape) => Ok(*shape),
            None => Err(words.wrong("$ref", format!("names {target:?}, which its root does not define"))),
        }
    }

    fn any_of(&mut self, words: &Keywords<'_>, several: &Json, at: &str) -> Result<ShapeId, SchemaError> {
        let Json::List(several) = several else { return Err(words.wrong("anyOf", "is no list")) };
        if several.is_empty() {
            return Err(words.wrong("anyOf", "is empty"));
        }
        let shapes = several.iter().enumerate();
        let shapes = shapes.map(|(index, one)| self.shape(one, &format!("{at}/anyOf/{index}")));
        let shapes = shapes.collect::<Result<_, _>>()?;
        self.add(Shape::OneOf(shapes))
    }

    /// Values that are stated, those of another type left out.
    fn literals(
        &mut self,
        words: &Keywords<'_>,
        keyword: &str,
        several: &[Json],
    ) -> Result<ShapeId, SchemaError> {
        let types = types(words)?;
        let fits = |value: &&Json| types.is_empty() || types.iter().any(|one| one.holds(value));
        let literals: BTreeSet<Vec<u8>> = several.iter().filter(fits).map(Json::written).collect();
        if literals.is_empty() {
            return Err(words.wrong(keyword, "has no value that is of its type"));
        }
        self.add(Shape::Literals(literals.into_iter().collect()))
    }

    /// A value of one of some types. Where none is stated, the words say of which they are; where none does, it is any.
    fn typed(&mut self, words: &Keywords<'_>, at: &str) -> Result<ShapeId, SchemaError> {
        let mut types = types(words)?;
        if types.is_empty() {
            types = words.of_types().map(|(_, of)| of).collect();
            types.sort_unstable();
            types.dedup();
        }
        if types.is_empty() {
            return self.any();
        }
        if let Some((keyword, of)) = words.of_types().find(|(_, of)| !types.contains(of)) {
            return Err(words.wrong(keyword, format!("is held of the type {:?} alone", of.name())));
        }
        // A number without bounds beside an integer that has some would take what the bounds leave out.
        if types.contains(&ValueType::Number)
            && let Some((keyword, _)) = words.of_types().find(|(_, of)| *of == ValueType::Integer)
        {
            return Err(words.wrong(keyword, "is held of the type \"integer\" alone"));
        }
        let shapes = types.iter().map(|one| self.of_type(*one, words, at));
        let mut shapes = shapes.collect::<Result<Vec<_>, _>>()?;
        match shapes.pop() {
            Some(only) if shapes.is_empty() => Ok(only),
            last => {
                shapes.extend(last);
                self.add(Shape::OneOf(shapes))
            }
        }
    }

    fn of_type(&mut self, of: ValueType, words: &Keywords<'_>, at: &str) -> Result<ShapeId, SchemaError> {
        let shape = match of {
            ValueType::Null => Shape::Literals(vec![b"null".to_vec()]),
            ValueType::Boolean => Shape::Literals(vec![b"false".to_vec(), b"true".to_vec()]),
            ValueType::Number => Shape::Number,
            ValueType::Integer => Shape::Integer(integer(words)?),
            ValueType::String => {
                let (min, max) = counts(words, "minLength", "maxLength")?;
                Shape::Text(TextShape { min, max })
            }
            ValueType::Array => {
                let (min, max) = counts(words, "minItems", "maxItems")?;
                let item = match words.get("items") {
                    Some(Json::Bool(false)) if min == 0 => {
                        return self.add(Shape::Literals(vec![b"[]".to_vec()]));
                    }
                    Some(items) => self.shape(items, &format!("{at}/items"))?,
                    None => self.any()?,
                };
                Shape::List(ListShape { item, min, max })
            }
            ValueType::Object => return self.object(words, at),
        };
        self.add(shape)
    }

    fn object(&mut self, words: &Keywords<'_>, at: &str) -> Result<ShapeId, SchemaError> {
        let properties = match words.get("properties") {
            None => &[],
            Some(Json::Object(fields)) => fields.as_slice(),
            Some(_) => return Err(words.wrong("properties", "is no object")),
        };
        let required = required(words)?;
        let is_known = |name: &&&str| properties.iter().any(|(known, _)| known == **name);
        if let Some(name) = required.iter().find(|name| !is_known(name)) {
            return Err(words.wrong("required", format!("names {name:?}, which is no property")));
        }
        match words.get("additionalProperties") {
            None | Some(Json::Bool(true)) if properties.is_empty() => {
                let any = self.any()?;
                return self.add(Shape::Map(any));
            }
            // An object with no more than is named fits where more may be.
            None | Some(Json::Bool(_)) => {}
            Some(values) if properties.is_empty() => {
                let values = self.shape(values, &format!("{at}/additionalProperties"))?;
                return self.add(Shape::Map(values));
            }
            Some(_) => {
                return Err(words.wrong("additionalProperties", "is not held beside \"properties\""));
            }
        }
        let mut fields = Vec::new();
        for (name, schema) in properties {
            let value = self.shape(schema, &format!("{at}/properties/{}", escaped(name)))?;
            let key = Json::Text(name.clone()).written();
            fields.push(Field { key, value, required: required.contains(&name.as_str()) });
        }
        self.add(Shape::Record(RecordShape { fields }))
    }

    /// Whatever is JSON.
    fn any(&mut self) -> Result<ShapeId, SchemaError> {
        if let Some(any) = self.any {
            return Ok(any);
        }
        let any = self.add(Shape::OneOf(Vec::new()))?;
        self.any = Some(any);
        let words = ["false", "null", "true"].map(|word| word.as_bytes().to_vec());
        let kinds = [
            Shape::Map(any),
            Shape::List(ListShape { item: any, min: 0, max: None }),
            Shape::Text(TextShape::ANY),
            Shape::Number,
            Shape::Literals(words.to_vec()),
        ];
        let kinds = kinds.into_iter().map(|kind| self.add(kind)).collect::<Result<_, _>>()?;
        if let Some(shape) = self.shapes.get_mut(any) {
            *shape = Shape::OneOf(kinds);
        }
        Ok(any)
    }
}

/// The types that are stated, each once.
fn types(words: &Keywords<'_>) -> Result<Vec<ValueType>, SchemaError> {
    let named = |name: &Json| match name {
        Json::Text(name) => ValueType::named(name)
            .ok_or_else(|| words.wrong("type", format!("is {name:?}, which is no type"))),
        Json::Null | Json::Bool(_) | Json::Whole(_) | Json::Fraction(_) | Json::List(_) | Json::Object(_) => {
            Err(words.wrong("type", "is no text"))
        }
    };
    let mut types = match words.get("type") {
        None => return Ok(Vec::new()),
        Some(Json::List(several)) if several.is_empty() => return Err(words.wrong("type", "is empty")),
        Some(Json::List(several)) => several.iter().map(named).collect::<Result<Vec<_>, _>>()?,
        Some(one) => vec![named(one)?],
    };
    types.sort_unstable();
    types.dedup();
    Ok(types)
}

fn required<'a>(words: &Keywords<'a>) -> Result<Vec<&'a str>, SchemaError> {
    let name = |name: &'a Json| match name {
        Json::Text(name) => Ok(name.as_str()),
        Json::Null | Json::Bool(_) | Json::Whole(_) | Json::Fraction(_) | Json::List(_) | Json::Object(_) => {
            Err(words.wrong("required", "is no list of names"))
        }
    };
    match words.get("required") {
        None => Ok(Vec::new()),
        Some(Json::List(names)) => names.iter().map(name).collect(),
        Some(_) => Err(words.wrong("required", "is no list of names")),
    }
}

fn counts(
    words: &Keywords<'_>,
    least: &'static str,
    most: &'static str,
) -> Result<(u32, Option<u32>), SchemaError> {
    let (min, max) = (words.count(least)?.unwrap_or(0), words.count(most)?);
    match max {
        Some(max) if max < min => Err(words.wrong(most, format!("is less than {least:?}"))),
        _ => Ok((min, max)),
    }
}

fn integer(words: &Keywords<'_>) -> Result<IntegerShape, SchemaError> {
    let bound = |keyword: &'static str, without: i64| match words.get(keyword) {
        None => Ok(without),
        Some(Json::Whole(bound)) => i64::try_from(*bound)
            .ok()
            .filter(|bound| (-INTEGER_MAX..=INTEGER_MAX).contains(bound))
            .ok_or_else(|| words.wrong(keyword, format!("is beyond {INTEGER_MAX}"))),
        Some(_) => Err(words.wrong(keyword, "is no whole number")),
    };
    let (min, max) = (bound("minimum", -INTEGER_MAX)?, bound("maximum", INTEGER_MAX)?);
    if max < min {
        return Err(words.wrong("maximum", "is less than \"minimum\""));
    }
    Ok(IntegerShape { min, max })
}

/// A name within a path.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
