//! `serve`: loads the model and answers `/ping`, `/invocations` and `/execution-parameters`.

use super::http::{Answer, Request, Route, converse};
use super::listener::{Listener, Stream};
use super::watch::{Requests, stdout_and_term};
use super::{refuse_script_mode, say};
use crate::algorithms::{Algorithm, Failure, Invocation, Predictor, Refusal};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Connections answered at once; further ones wait in the listener's queue.
const MOST_CONNECTIONS: usize = 512;

pub(super) fn run(algorithm: &dyn Algorithm, root: &Path) -> ExitCode {
    match serve(algorithm, root) {
        Ok(never) => match never {},
        Err(failure) => {
            say(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

enum Never {}

fn serve(algorithm: &dyn Algorithm, root: &Path) -> Result<Never, Failure> {
    refuse_script_mode(algorithm, None)?;
    let predictor: Arc<dyn Predictor> = algorithm.load(&root.join("opt/ml/model"))?.into();
    let requests = Arc::new(Requests::default());
    stdout_and_term(Arc::clone(&requests))?;
    let listener = Listener::inherited()?;
    say(&format!(
        "Sagebrush's own implementation of {} serves this model (not AWS's container)",
        algorithm.name()
    ));
    let places = Arc::new(Places::default());
    loop {
        places.take();
        let stream = match listener.accept() {
            Ok(stream) => stream,
            Err(error) => {
                places.give_back();
                accept_failed(&error)?;
                continue;
            }
        };
        let (predictor, requests) = (Arc::clone(&predictor), Arc::clone(&requests));
        let place = Place(Arc::clone(&places));
        let started = std::thread::Builder::new()
            .name("connection".to_owned())
            .stack_size(1 << 20)
            .spawn(move || {
                let _place = place;
                answer_all(stream, predictor.as_ref(), &requests);
            });
        if let Err(error) = started {
            say(&format!("a connection was dropped: cannot start a thread: {error}"));
        }
    }
}

/// Whether accepting can go on after this error.
fn accept_failed(error: &std::io::Error) -> Result<(), Failure> {
    use rustix::io::Errno;
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::INTR | Errno::CONNABORTED | Errno::CONNRESET) => Ok(()),
        Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
            // Nothing tells when there is room again; the connection keeps waiting meanwhile.
            std::thread::sleep(Duration::from_millis(10));
            Ok(())
        }
        _ => Err(Failure::internal(format!("cannot accept connections any more: {error}"))),
    }
}

fn answer_all(mut stream: Stream, predictor: &dyn Predictor, requests: &Requests) {
    converse(&mut stream, |request, answer| {
        requests.begin();
        let _under_way = UnderWay(requests);
        respond(predictor, request, answer);
    });
}

/// Ends the request's count even when the predictor panics.
struct UnderWay<'a>(&'a Requests);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn respond(predictor: &dyn Predictor, request: &Request<'_>, answer: &mut Answer) {
    answer.status = 200;
    answer.content_type = "text/plain";
    match request.route {
        Route::Ping => {}
        Route::ExecutionParameters => {
            answer.content_type = "application/json";
            if serde_json::to_writer(&mut answer.body, &predictor.execution_parameters()).is_err() {
                answer.status = 500;
            }
        }
        Route::Invocations => invoke(predictor, request, answer),
        Route::WrongMethod => refuse(answer, 405, "this path does not have that method"),
        Route::Unknown => {
            refuse(
                answer,
                404,
                "a container answers /ping, /invocations and /execution-parameters",
            );
        }
    }
}

fn invoke(predictor: &dyn Predictor, request: &Request<'_>, answer: &mut Answer) {
    let invocation = Invocation {
        content_type: request.content_type,
        accept: request.accept,
        body: request.body,
    };
    let body = &mut answer.body;
    let outcome = catch_unwind(AssertUnwindSafe(|| predictor.invoke(&invocation, body)))
        .unwrap_or_else(|_| {
            Err(Refusal::new(500, "the algorithm stopped at a bug in its own code"))
        });
    match outcome {
        Ok(content_type) => answer.content_type = content_type,
        Err(refusal) if refusal.status < 300 => refuse(answer, refusal.status, &refusal.text),
        Err(refusal) => {
            refuse(answer, refusal.status, &refusal.text);
            say(&format!("{} POST /invocations: {}", refusal.status, one_line(&refusal.text)));
        }
    }
}

fn refuse(answer: &mut Answer, status: u16, text: &str) {
    answer.status = status;
    answer.content_type = "text/plain";
    answer.body.clear();
    answer.body.extend_from_slice(text.as_bytes());
}

/// What came with a request must not forge lines of the log.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Counts connections, and makes the listener wait when there are too many.
#[derive(Default)]
struct Places {
    taken: Mutex<usize>,
    freed: Condvar,
}

impl Places {
    fn take(&self) {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = self
            .freed
            .wait_while(taken, |taken| *taken >= MOST_CONNECTIONS)
            .unwrap_or_else(PoisonError::into_inner);
        *taken += 1;
    }

    fn give_back(&self) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.freed.notify_one();
    }
}

/// A connection's place, given back when its thread ends, however that is.
struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.give_back();
    }
}
