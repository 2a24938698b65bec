//! The inside of a list, put out once for each of its elements without Handlebars looking up each value of it.
//!
//! For `{{cell this.x}}` Handlebars copies the way from the root of all data to the value, and walks it. A report has tens of
//! thousands of these. Where a value is one of the element that is at hand, it is taken from there.
//!
//! Invariant: what is put out is what Handlebars puts out. Whatever is not that plain, and what is not there, is left to
//! Handlebars; so is all of it where a template gives names to values (`is_plain`), which could stand in a field's place.

use std::borrow::Cow;

use handlebars::template::{HelperTemplate, Parameter, Template, TemplateElement};
use handlebars::{
    Context as Data, Handlebars, HelperResult, JsonRender as _, Output, Path, PathSeg, RenderContext, RenderError,
    Renderable as _,
};
use serde_json::Value;

use crate::report::markdown;

/// Makes a text harmless for its place.
pub(crate) type Escaping = fn(&str) -> Cow<'_, str>;

/// The helpers that put out one value, escaped, and nothing else.
pub(crate) const ESCAPING: [(&str, Escaping); 3] =
    [("md", markdown::inline), ("cell", markdown::cell), ("code", markdown::code)];

/// The inside of a list, looked through once for all elements.
pub(crate) struct Row<'rc> {
    template: &'rc Template,
    /// For each part of it, the value of the element that it puts out, if it is no more than that.
    shown: Vec<Option<Shown<'rc>>>,
}

#[derive(Clone, Copy)]
struct Shown<'rc> {
    escape: Escaping,
    field: &'rc [PathSeg],
}

impl<'rc> Row<'rc> {
    /// The row that this template makes.
    pub(crate) fn of(template: &'rc Template) -> Self {
        Self { template, shown: template.elements.iter().map(shown).collect() }
    }

    /// Puts it out for one element, which must be what `this` is.
    pub(crate) fn render<'reg: 'rc>(
        &self,
        item: &Value,
        registry: &'reg Handlebars<'reg>,
        data: &'rc Data,
        context: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let template = self.template;
        context.set_current_template_name(template.name.as_ref());
        for (index, (part, shown)) in template.elements.iter().zip(&self.shown).enumerate() {
            let shown = shown.and_then(|shown| Some((shown.escape, within(item, shown.field)?)));
            let done = match shown {
                Some((escape, Value::String(text))) => out.write(&escape(text)).map_err(RenderError::from),
                Some((escape, value)) => out.write(&escape(&value.render())).map_err(RenderError::from),
                None => part.render(registry, data, context, out),
            };
            done.map_err(|error| placed(error, template, index))?;
        }
        Ok(())
    }
}

fn shown(part: &TemplateElement) -> Option<Shown<'_>> {
    let TemplateElement::Expression(call) = part else { return None };
    let [Parameter::Path(Path::Relative((field, _)))] = call.params.as_slice() else { return None };
    let name = call.name.as_name()?;
    let (_, escape) = ESCAPING.into_iter().find(|(known, _)| *known == name)?;
    let is_field = field.iter().all(|segment| matches!(segment, PathSeg::Named(_)));
    (is_field && call.hash.is_empty()).then_some(Shown { escape, field })
}

fn within<'a>(item: &'a Value, field: &[PathSeg]) -> Option<&'a Value> {
    field.iter().try_fold(item, |value, segment| match (value, segment) {
        (Value::Object(fields), PathSeg::Named(name)) => fields.get(name),
        _ => None,
    })
}

/// An error with its place, as Handlebars says it.
fn placed(mut error: RenderError, template: &Template, index: usize) -> RenderError {
    if error.line_no.is_none()
        && let Some(place) = template.mapping.get(index)
    {
        error.line_no = Some(place.0);
        error.column_no = Some(place.1);
    }
    if error.template_name.is_none() {
        error.template_name.clone_from(&template.name);
    }
    error
}

/// Whether a template gives no names to values, with `as |x|` or to a partial: so none can stand before a field of that name.
pub(crate) fn is_plain(template: &Template) -> bool {
    template.elements.iter().all(|part| match part {
        TemplateElement::RawString(_) | TemplateElement::Comment(_) => true,
        TemplateElement::Expression(call)
        | TemplateElement::HtmlExpression(call)
        | TemplateElement::HelperBlock(call) => is_plain_call(call),
        TemplateElement::PartialExpression(partial) => partial.hash.is_empty() && partial.template.is_none(),
        _ => false,
    })
}

fn is_plain_call(call: &HelperTemplate) -> bool {
    call.block_param.is_none() && call.template.iter().chain(&call.inverse).all(is_plain)
}

#[cfg(test)]
mod tests {
    use handlebars::{Handlebars, Template};
    use serde_json::{Value, json};

    use super::is_plain;
    use crate::report::runbook::registry_for_tests;

    fn rendered(template: &str, data: &Value, plain: bool) -> Result<String, String> {
        let mut registry: Handlebars<'static> = registry_for_tests(plain);
        registry.register_template_string("one", template).expect("it is right");
        registry.register_template_string("part", "{{cell this.n}}").expect("it is right");
        registry.render("one", data).map_err(|error| error.to_string())
    }

    #[test]
    fn it_puts_out_what_handlebars_does() {
        let data = json!({
            "a": [
                { "n": 1, "t": "a|b", "o": { "k": "<v>" }, "b": ["x", { "y": [1, null] }], "yes": true },
                { "n": null, "t": "", "o": { "k": 2.5 }, "b": [], "yes": false },
            ],
            "map": { "k": { "t": "one" }, "l": { "t": "*" } },
            "t": "root",
        });
        for template in [
            "{{#each a}}\n| {{cell this.n}} | {{code this.t}}{{#if this.yes}} *{{/if}} | {{md this.o.k}} |\n{{/each}}",
            "{{#each a}}{{cell n}}{{md t}}{{@index}}{{#each this.b}}{{md this}},{{code ../t}}{{else}}-{{/each}};{{/each}}",
            "{{#each map}}{{@key}}{{md this.t}}{{cell @root.t}}{{this.t}}{{/each}}",
            "{{#each a}}  {{> part}}\n  {{> part}}{{/each}}",
            "{{#each a}}\n{{cell this.nothing}}{{/each}}",
            "{{#each a}}{{#unless this.yes}}\n {{cell this.o.nothing}}{{/unless}}{{/each}}",
            "{{#each a}}{{cell this.t.u}}{{/each}}",
            "{{#each a}}{{cell this.b.[0]}}{{/each}}",
        ] {
            let (quick, slow) = (rendered(template, &data, true), rendered(template, &data, false));
            assert_eq!(quick, slow, "{template}");
        }
    }

    #[test]
    fn a_template_with_names_of_its_own_is_not_plain() {
        for (text, plain) in [
            ("{{#each a}}{{md this.x}}{{#if this.y}}{{> part}}{{else}}-{{/if}}{{/each}}", true),
            ("{{#if y}}{{else}}{{#each a as |x|}}{{md this.x}}{{/each}}{{/if}}", false),
            ("{{#each a}}{{> part x=y}}{{/each}}", false),
            ("{{#with a as |x|}}{{/with}}", false),
        ] {
            assert_eq!(is_plain(&Template::compile(text).expect("it is right")), plain, "{text}");
        }
    }
}
