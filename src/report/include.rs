//! `{{> partials/x}}` without a copy of everything that it can show.
//!
//! Handlebars gives a partial a value of its own: what is `this` where it is included, copied, and then copied again part by
//! part as the partial reads it. For a run of thousands of steps that is most of a report's cost. A partial that is included
//! plainly, at the top of a template, needs no copy: it reads where the template reads.
//!
//! Invariant: what is put out is what Handlebars puts out. Only a partial without parameters, block and indentation is
//! included here; every other one is left as it is.

use handlebars::template::{HelperTemplate, Parameter, Template, TemplateElement};
use handlebars::{
    BlockContext, Context as Data, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext,
    RenderErrorReason, Renderable as _, TemplateError,
};

/// The name of the helper. No template can call it: a space ends a name.
pub(crate) const NAME: &str = "include here";

/// A template, compiled, whose plain partials are included by [`Include`].
///
/// # Errors
/// When it is no Handlebars.
pub(crate) fn compiled(name: &str, text: &str) -> Result<Template, TemplateError> {
    // The expression that a plain partial becomes differs in its name alone.
    let call = Template::compile("{{#x \"\"}}{{/x}}")?;
    let mut template = Template::compile_with_name(text, name.to_owned())?;
    if let Some(TemplateElement::HelperBlock(call)) = call.elements.first() {
        for element in &mut template.elements {
            if let Some(partial) = plain(element) {
                *element = TemplateElement::HelperBlock(Box::new(called(call, partial)));
            }
        }
    }
    Ok(template)
}

fn plain(element: &TemplateElement) -> Option<&str> {
    let TemplateElement::PartialExpression(partial) = element else { return None };
    let is_plain =
        partial.params.is_empty() && partial.hash.is_empty() && partial.template.is_none() && partial.indent.is_none();
    partial.name.as_name().filter(|_| is_plain)
}

fn called(call: &HelperTemplate, partial: &str) -> HelperTemplate {
    let mut call = call.clone();
    call.name = Parameter::Name(NAME.to_owned());
    call.params = vec![Parameter::Literal(partial.into())];
    call
}

/// The helper that includes a partial.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Include;

impl HelperDef for Include {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        data: &'rc Data,
        context: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let name = helper.param(0).and_then(|param| param.value().as_str()).unwrap_or_default();
        let partial = registry.get_template(name).ok_or_else(|| RenderErrorReason::PartialNotFound(name.to_owned()))?;
        let before = context.get_current_template_name();
        let block = within(context.block());
        context.push_block(block);
        let done = partial.render(registry, data, context, out);
        context.pop_block();
        context.set_current_template_name(before);
        done
    }
}

/// A block that stands where its parent does.
fn within<'rc>(parent: Option<&BlockContext<'rc>>) -> BlockContext<'rc> {
    let mut block = BlockContext::new();
    if let Some(parent) = parent {
        block.base_path_mut().clone_from(parent.base_path());
        block.local_variables_mut().clone_from(parent.local_variables());
        if let Some(value) = parent.base_value() {
            block.set_base_value(value.clone());
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use handlebars::Handlebars;
    use serde_json::{Value, json};

    use super::{Include, NAME, compiled};

    /// Templates, the first of which is rendered.
    fn both(templates: &[(&str, &str)], data: &Value) -> (Result<String, String>, Result<String, String>) {
        let (mut own, mut theirs) = (Handlebars::new(), Handlebars::new());
        own.register_helper(NAME, Box::new(Include));
        for registry in [&mut own, &mut theirs] {
            registry.set_strict_mode(true);
        }
        for (name, text) in templates {
            own.register_template(name, compiled(name, text).expect("it is right"));
            theirs.register_template_string(name, text).expect("it is right");
        }
        let first = templates[0].0;
        let rendered = |registry: &Handlebars<'_>| registry.render(first, data).map_err(|error| error.to_string());
        (rendered(&own), rendered(&theirs))
    }

    #[test]
    fn it_puts_out_what_handlebars_does() {
        let data = json!({ "a": [{ "b": ["x", "y"], "n": 1 }, { "b": [], "n": 2 }], "t": "text", "o": { "k": "v" } });
        let part = "{{#each a}}{{@index}}{{this.n}}{{../t}}{{#each this.b}}{{this}}{{@root.t}}{{/each}}{{/each}}\n";
        for templates in [
            vec![("one", "before\n{{> part}}\nafter {{t}}"), ("part", part)],
            vec![
                ("one", "{{> part}}{{> other}}.{{> part}}"),
                ("part", part),
                ("other", "{{o.k}}\n\n{{> last}}\n"),
                ("last", "{{t}}"),
            ],
            vec![("one", "x\n  {{> part}}\ny"), ("part", "1\n2\n")],
            vec![
                ("one", "{{#each a}}{{> part}}{{/each}}"),
                ("part", "{{n}}{{> last}}"),
                ("last", "{{#each b}}{{this}}{{/each}}{{@index}}"),
            ],
            vec![("one", "{{> part o}}{{> part k=t}}"), ("part", "{{k}}")],
            vec![("one", "a {{~> part ~}} b"), ("part", " {{t}} ")],
        ] {
            let (own, theirs) = both(&templates, &data);
            assert!(own.is_ok(), "{templates:?}: {own:?}");
            assert_eq!(own, theirs, "{templates:?}");
        }
    }

    #[test]
    fn it_says_where_something_is_wrong_as_handlebars_does() {
        for templates in [
            vec![("one", "\n {{> part}}"), ("part", "x\n  {{nothing}}")],
            vec![("one", "\n{{> part}}"), ("part", "x{{#each a}}{{nothing}}{{/each}}")],
            vec![("one", "{{> part}}{{nothing}}"), ("part", "x")],
            vec![("one", "a\n{{> nothing}}")],
        ] {
            let (own, theirs) = both(&templates, &json!({ "a": [1] }));
            assert!(own.is_err(), "{templates:?}: {own:?}");
            assert_eq!(own, theirs, "{templates:?}");
        }
    }
}
