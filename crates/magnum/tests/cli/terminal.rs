//! A terminal of the kernel's own (a pty), with a program on it, and what its user sees: the characters that the program
//! wrote, applied to a grid as a terminal does. Whatever it does not know how to apply is a fault of the program: plain
//! terminals would show it.

use rustix::{
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Termios, Winsize, tcgetattr, tcsetwinsize},
};
use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::Duration,
};
use tokio::process::{Child, Command};

pub struct Terminal {
    keyboard: File,
    /// The program's side; the test keeps one open to look at its modes afterwards.
    line: OwnedFd,
    said: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
    size: (usize, usize),
}

impl Terminal {
    pub fn open(rows: u16, columns: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let path = std::path::Path::new(std::ffi::OsStr::from_bytes(path.as_bytes())).to_owned();
        // Not the test's own terminal.
        let line = open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&line, size).unwrap();
        let keyboard = File::from(master);
        let mut screen = keyboard.try_clone().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let reader = std::thread::spawn({
            let said = Arc::clone(&said);
            move || {
                let mut bytes = [0; 4096];
                // An error is how a terminal tells that nobody has it any more.
                while let Ok(length) = screen.read(&mut bytes) {
                    said.lock().unwrap().extend_from_slice(&bytes[..length]);
                }
            }
        });
        Self { keyboard, line, said, reader, size: (rows.into(), columns.into()) }
    }

    /// Starts a program that would run without a terminal as the foreground of this one, as a shell does.
    pub fn start(&self, program: &Command) -> Child {
        self.command(program).spawn().unwrap()
    }

    /// What [`Terminal::start`] starts, to be changed first.
    pub fn command(&self, program: &Command) -> Command {
        let program = program.as_std();
        let mut command = Command::new("setsid");
        command.env_clear().env("TERM", "xterm-256color");
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(program.get_current_dir().unwrap());
        command.arg("--ctty").arg(program.get_program()).args(program.get_args());
        let line = || self.line.try_clone().unwrap();
        command.stdin(line()).stdout(line()).stderr(line()).kill_on_drop(true);
        command
    }

    pub fn press_ctrl_c(&mut self) {
        self.keyboard.write_all(b"\x03").unwrap();
    }

    pub fn modes(&self) -> Termios {
        tcgetattr(&self.line).unwrap()
    }

    pub fn screen(&self) -> Screen {
        Screen::of(&String::from_utf8_lossy(&self.said.lock().unwrap()), self.size)
    }

    /// Waits until the user sees something.
    pub async fn until(&self, what: &str, seen: impl Fn(&Screen) -> bool) -> Screen {
        for _ in 0..2400 {
            let screen = self.screen();
            if seen(&screen) {
                return screen;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{what} is not to be seen:\n{}", self.screen().text());
    }

    /// Everything that was ever written, when nobody has the terminal any more.
    pub fn close(self) -> Screen {
        drop(self.line);
        self.reader.join().unwrap();
        Screen::of(&String::from_utf8_lossy(&self.said.lock().unwrap()), self.size)
    }
}

/// What a terminal shows.
#[derive(Debug)]
pub struct Screen {
    /// Lines that have scrolled away, and those that are shown.
    lines: Vec<Vec<char>>,
    /// How many have scrolled away.
    gone: usize,
    pub column: usize,
    row: usize,
    /// Whether a long line goes on in the next one.
    pub wraps: bool,
    size: (usize, usize),
    /// Everything as it came.
    pub raw: String,
}

impl Screen {
    fn of(raw: &str, size: (usize, usize)) -> Self {
        let lines = vec![Vec::new(); size.0];
        let mut screen = Self { lines, gone: 0, column: 0, row: 0, wraps: true, size, raw: raw.to_owned() };
        let mut rest = raw.chars();
        while let Some(character) = rest.next() {
            match character {
                '\u{1b}' => {
                    match rest.next() {
                        Some('[') => {}
                        // The rest is still to come.
                        None => break,
                        other => panic!("an escape that plain terminals may not know: {other:?}"),
                    }
                    let mut arguments = String::new();
                    let order = rest.by_ref().find(|c| {
                        let ends = c.is_ascii_alphabetic();
                        arguments.extend((!ends).then_some(*c));
                        ends
                    });
                    let Some(order) = order else { break };
                    screen.control(&arguments, order);
                }
                '\r' => screen.column = 0,
                '\n' => screen.down(),
                c if c.is_control() => panic!("{c:?} was written: {raw:?}"),
                c => screen.put(c),
            }
        }
        screen
    }

    fn control(&mut self, arguments: &str, order: char) {
        match (arguments, order) {
            ("?7", 'l') => self.wraps = false,
            ("?7", 'h') => self.wraps = true,
            ("" | "0", 'J') => {
                let at = self.gone + self.row;
                self.lines[at].truncate(self.column);
                self.lines[at + 1..].iter_mut().for_each(Vec::clear);
            }
            (number, 'A') => self.row = self.row.saturating_sub(number.parse().unwrap()),
            other => panic!("a control that plain terminals may not know: {other:?}"),
        }
    }

    fn down(&mut self) {
        self.row += 1;
        if self.row == self.size.0 {
            self.row -= 1;
            self.gone += 1;
            self.lines.push(Vec::new());
        }
    }

    fn put(&mut self, character: char) {
        if self.column == self.size.1 {
            if self.wraps {
                self.column = 0;
                self.down();
            } else {
                self.column -= 1;
            }
        }
        let line = &mut self.lines[self.gone + self.row];
        line.resize(line.len().max(self.column + 1), ' ');
        line[self.column] = character;
        self.column += 1;
    }

    /// All lines, those that have scrolled away too, without empty ones at the end.
    pub fn text(&self) -> String {
        let lines: Vec<String> = self.lines.iter().map(|line| line.iter().collect()).collect();
        lines.join("\n").trim_end().to_owned()
    }

    pub fn has(&self, words: &str) -> bool {
        self.text().contains(words)
    }

    /// Lines that have these words, those that have scrolled away too.
    pub fn count(&self, words: &str) -> usize {
        self.text().lines().filter(|line| line.contains(words)).count()
    }
}

#[test]
fn what_is_written_is_seen_as_a_terminal_shows_it() {
    let seen = |raw: &str| Screen::of(raw, (3, 5));
    assert_eq!(seen("one\r\ntwo\r\n\u{1b}[2A\u{1b}[Jnew").text(), "new");
    assert_eq!(seen("longer").text(), "longe\nr");
    assert_eq!(seen("\u{1b}[?7llonger\u{1b}[?7h").text(), "longr");
    let scrolled = seen("1\r\n2\r\n3\r\n4\r\n\u{1b}[9A\u{1b}[Jx");
    assert_eq!(scrolled.text(), "1\n2\nx", "what has scrolled away stays");
}
