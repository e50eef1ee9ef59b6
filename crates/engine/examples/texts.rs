//! Writes texts by a model, whenever somebody asks for some: what `contrib/pace/check` asks beside jobs of a network.
//!
//! `texts MODEL PROMPT TOKENS [THREADS]`
//!
//! The first line that it writes says which tokens end texts, which are never chosen here, and what is written, its bytes in
//! hexadecimal digits. Each line that it reads says how many texts are to be written in step, each from the prompt on; it is
//! answered with the milliseconds until all had their first token, and with those that one more token of each took.

use std::{
    error::Error,
    fs,
    io::{Write, stdin, stdout},
    sync::Arc,
    thread,
    time::Instant,
};

use assay_engine::{
    cpu::Cpu,
    gguf::Gguf,
    model::{Choices, Model},
    pack::Pack,
    session::{Processor, Rows, Session, SessionError, SessionStep},
    vocabulary::Vocabulary,
};

/// A model that writes.
struct DirectWriter {
    processor: Processor,
    prompt: Vec<u32>,
    ends: Vec<u32>,
    tokens: usize,
}

impl DirectWriter {
    /// The likeliest token that ends no text.
    fn choose(&self, logits: &[f32]) -> u32 {
        let known = (0..).zip(logits).filter(|(token, _)| !self.ends.contains(token));
        known
            .fold((0, f32::MIN), |best, (token, logit)| if *logit > best.1 { (token, *logit) } else { best })
            .0
    }

    /// When all had their first token, how long each of the others took, and the tokens of one.
    fn write(&mut self, count: usize) -> Result<([f64; 2], Vec<u32>), SessionError> {
        let (began, room) = (Instant::now(), self.prompt.len() + self.tokens);
        let model = Arc::clone(self.processor.model());
        let new = |_| Session::new(&model, room);
        let mut sessions: Vec<Session> = (0..count).map(new).collect::<Result<_, _>>()?;
        let mut next = vec![self.prompt.clone(); count];
        let (mut came, mut written) = (Vec::new(), Vec::new());
        for _ in 0..self.tokens {
            let mut rows = vec![Vec::new(); count];
            let steps = sessions.iter_mut().zip(&next);
            let mut steps: Vec<SessionStep<'_>> =
                steps.map(|(session, tokens)| SessionStep { session, tokens, rows: Rows::Last }).collect();
            self.processor.step(&mut steps, |step, row| rows[step].extend_from_slice(row.logits))?;
            next = rows.iter().map(|row| vec![self.choose(row)]).collect();
            written.push(next[0][0]);
            came.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let (first, last) = (came[0], came[came.len() - 1]);
        Ok(([first, (last - first) / (came.len() - 1) as f64], written))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [model, prompt, tokens, rest @ ..] = &words[..] else {
        return Err("texts MODEL PROMPT TOKENS [THREADS], see the source".into());
    };
    let tokens: usize = tokens.parse()?;
    if tokens < 2 {
        return Err("a text has two tokens at least".into());
    }
    let threads = match rest {
        [threads] => threads.parse()?,
        _ => thread::available_parallelism().map_or(1, usize::from),
    };
    let bytes = fs::read(model)?;
    let file = Gguf::parse(&bytes)?;
    let vocabulary = Vocabulary::read(&file)?;
    let loaded = Arc::new(Model::load(&Pack::of_file(&file, [0; 32])?, Choices::default())?);
    let begin = vocabulary.bos().filter(|_| vocabulary.begins());
    let prompt = begin.into_iter().chain(vocabulary.tokenize(prompt, true)?).collect();
    let ends = vocabulary.ends().to_vec();
    let mut writer =
        DirectWriter { processor: Processor::new(loaded, Cpu::new(threads)), prompt, ends, tokens };
    let written = writer.write(1)?.1;
    let digits: String =
        vocabulary.detokenize(&written, false).iter().map(|byte| format!("{byte:02x}")).collect();
    let ends: Vec<String> = writer.ends.iter().map(u32::to_string).collect();
    let mut out = stdout();
    writeln!(out, "{} {digits}", ends.join(","))?;
    for line in stdin().lines() {
        let [first, each] = writer.write(line?.trim().parse()?)?.0;
        writeln!(out, "{first:.3} {each:.4}")?;
    }
    Ok(())
}
