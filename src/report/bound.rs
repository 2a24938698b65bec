//! What bounds one rendering of a template: an `{{#each}}` that counts, and an output that ends.
//!
//! Lists in lists of a large run, or of a journal that somebody made up, could be walked for ever without a word put out.
//! Every wait and every size has a bound; so has this.

use std::cell::Cell;
use std::io;

use handlebars::{
    BlockContext, BlockParamHolder, Context as Data, Handlebars, Helper, HelperDef, HelperResult, Output,
    RenderContext, RenderError, RenderErrorReason, Renderable as _,
};
use serde_json::Value;

use crate::report::row::Row;

/// The most elements of lists that one rendering walks. A report of 5,000 steps walks fewer than 100,000.
pub const MOST_ELEMENTS: usize = 500_000;

/// The largest text that one rendering puts out, in bytes. A report of 5,000 steps has some 5,000,000.
pub const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A text that grows up to [`MOST_BYTES`].
#[derive(Debug, Default)]
pub(crate) struct Bounded {
    bytes: Vec<u8>,
}

impl Bounded {
    /// The text.
    pub(crate) fn into_text(self) -> String {
        String::from_utf8(self.bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(bytes.len()) > MOST_BYTES {
            return Err(io::Error::other("it puts out more than 64 MiB"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

thread_local! {
    /// How many elements the rendering of this thread may still walk: templates that were compiled once are rendered often.
    static LEFT: Cell<usize> = const { Cell::new(MOST_ELEMENTS) };
}

/// A rendering begins on this thread.
pub(crate) fn begin() {
    LEFT.set(MOST_ELEMENTS);
}

fn spend() -> Result<(), RenderError> {
    let Some(left) = LEFT.get().checked_sub(1) else {
        return Err(RenderErrorReason::Other(format!("it walks more than {MOST_ELEMENTS} elements of lists")).into());
    };
    LEFT.set(left);
    Ok(())
}

/// `{{#each}}` as Handlebars has it, within [`MOST_ELEMENTS`] since [`begin`]. Strict: what is no list is an error unless
/// there is an `{{else}}`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Each {
    /// No template that it is used with gives names to values: what [`Row`] needs.
    pub(crate) plain: bool,
}

impl HelperDef for Each {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        data: &'rc Data,
        context: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let list = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("each", 0))?;
        if list.is_value_missing() {
            return Err(RenderError::strict_error(list.relative_path()));
        }
        let Some(template) = helper.template() else { return Ok(()) };
        let items: Option<Vec<(Option<&str>, &Value)>> = match list.value() {
            Value::Array(items) => Some(items.iter().map(|item| (None, item)).collect()),
            Value::Object(fields) => Some(fields.iter().map(|(key, item)| (Some(key.as_str()), item)).collect()),
            _ => None,
        };
        let items = match (items, helper.inverse()) {
            (Some(items), _) if !items.is_empty() => items,
            (_, Some(inverse)) => return inverse.render(registry, data, context, out),
            (Some(_), None) => return Ok(()),
            (None, None) => return Err(RenderError::strict_error(list.relative_path())),
        };
        let row = self.plain.then(|| Row::of(template));
        context.push_block(BlockContext::new());
        for (index, (key, item)) in items.iter().enumerate() {
            spend()?;
            if let Some(block) = context.block_mut() {
                enter(block, helper, list.context_path(), (index, items.len()), *key, item);
            }
            match &row {
                Some(row) => row.render(item, registry, data, context, out)?,
                None => template.render(registry, data, context, out)?,
            }
        }
        context.pop_block();
        Ok(())
    }
}

/// Makes `item` what `this` is.
fn enter<'rc>(
    block: &mut BlockContext<'rc>,
    helper: &Helper<'rc>,
    path: Option<&Vec<String>>,
    (index, count): (usize, usize),
    key: Option<&str>,
    item: &Value,
) {
    block.set_local_var("first", Value::from(index == 0));
    block.set_local_var("last", Value::from(index + 1 == count));
    block.set_local_var("index", Value::from(index));
    let segment = key.map_or_else(|| Value::from(index), Value::from);
    if let Some(key) = key {
        block.set_local_var("key", Value::from(key));
    }
    if let Some(path) = path {
        let own = key.map_or_else(|| index.to_string(), str::to_owned);
        // Of the element before, all but the last part is the same.
        let base = block.base_path_mut();
        base.truncate(path.len());
        if base.len() < path.len() {
            base.clone_from(path);
        }
        base.push(own);
    } else {
        block.set_base_value(item.clone());
    }
    let whole = || match path {
        Some(_) => BlockParamHolder::path(Vec::new()),
        None => BlockParamHolder::value(item.clone()),
    };
    if let Some(name) = helper.block_param() {
        block.set_block_param(name, whole());
    } else if let Some((name, place)) = helper.block_param_pair() {
        block.set_block_param(name, whole());
        block.set_block_param(place, BlockParamHolder::value(segment));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use handlebars::Handlebars;
    use serde_json::json;

    use super::{Bounded, Each, LEFT, MOST_BYTES, MOST_ELEMENTS, begin};

    fn rendered(template: &str, data: &serde_json::Value) -> Result<String, String> {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_helper("each", Box::new(Each { plain: false }));
        registry.render_template(template, data).map_err(|error| error.to_string())
    }

    #[test]
    fn it_walks_as_handlebars_does() {
        let data = json!({ "a": [{ "b": ["x", "y"] }, { "b": [] }], "map": { "k": 1 }, "none": null });
        for (template, text) in [
            (
                "{{#each a}}{{@index}}:{{#each this.b}}{{this}}{{#unless @last}},{{/unless}}{{else}}-{{/each}};{{/each}}",
                "0:x,y;1:-;",
            ),
            ("{{#each a}}{{#each this.b}}{{@../index}}{{this}}{{/each}}{{/each}}", "0x0y"),
            ("{{#each a as |one|}}{{#each one.b as |two place|}}{{two}}{{place}}{{/each}}{{/each}}", "x0y1"),
            ("{{#each map}}{{@key}}{{this}}{{@first}}{{/each}}", "k1true"),
            ("{{#each none}}x{{else}}-{{/each}}", "-"),
        ] {
            assert_eq!(rendered(template, &data).as_deref(), Ok(text), "{template}");
        }
        assert!(rendered("{{#each none}}x{{/each}}", &data).is_err());
        assert!(rendered("{{#each nothing}}x{{/each}}", &data).is_err());
    }

    #[test]
    fn lists_in_lists_end() {
        LEFT.set(1_000);
        let list: Vec<usize> = (0..100).collect();
        let nested = "{{#each @root.list}}".repeat(2) + &"{{/each}}".repeat(2);
        let error = rendered(&nested, &json!({ "list": list })).unwrap_err();
        assert!(error.contains(&MOST_ELEMENTS.to_string()), "{error}");
        begin();
        assert!(
            rendered("{{#each @root.list}}x{{/each}}", &json!({ "list": list })).is_ok(),
            "the next one has its own"
        );
    }

    #[test]
    fn an_output_ends() {
        let mut bounded = Bounded::default();
        bounded.write_all(&vec![b'x'; MOST_BYTES]).unwrap();
        assert!(bounded.write_all(b"x").is_err());
        assert_eq!(bounded.into_text().len(), MOST_BYTES);
    }
}
