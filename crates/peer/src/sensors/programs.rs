//! Which programs run.

use std::{fs, path::Path};

/// Those of these programs that run, whatever the case of their names; nothing where the system does not say what runs.
pub(super) fn running(root: &Path, wanted: &[String]) -> Option<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    let mut any = false;
    for (_, folder) in super::processes(root)? {
        any = true;
        let names = names(&folder);
        let named = |program: &&String| names.iter().any(|name| is_named(name, program));
        for program in wanted.iter().filter(named) {
            if !found.contains(program) {
                found.push(program.clone());
            }
        }
    }
    any.then_some(found)
}

/// What a process is called: by the system, which keeps the beginning alone, and by whoever started it.
fn names(folder: &Path) -> Vec<String> {
    let called = super::said(&folder.join("comm"));
    let command = fs::read(folder.join("cmdline")).unwrap_or_default();
    let first = command.split(|byte| *byte == 0).next().unwrap_or_default();
    let started = String::from_utf8_lossy(first).into_owned();
    // Programs of other systems run here too, under their own paths.
    let started = started.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    called.into_iter().chain([started]).filter(|name| !name.is_empty()).collect()
}

fn is_named(name: &str, program: &str) -> bool {
    let bare = name.len().checked_sub(4).filter(|at| name.is_char_boundary(*at));
    let bare = bare.map(|at| name.split_at(at)).filter(|(_, end)| end.eq_ignore_ascii_case(".exe"));
    name.eq_ignore_ascii_case(program) || bare.is_some_and(|(bare, _)| bare.eq_ignore_ascii_case(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_goes_by_its_name_however_it_was_started() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = ["blender", "Game", "a-name-longer-than-the-system-keeps", "sh"].map(str::to_owned);
        assert_eq!(running(folder.path(), &wanted), None, "a system that does not say");
        let processes = [
            ("7", "blender", "/opt/blender/blender\0--background\0"),
            ("8", "game.exe", "C:\\Games\\GAME.EXE\0"),
            ("9", "a-name-longer-t", "./a-name-longer-than-the-system-keeps\0"),
            ("10", "bash", "bash\0-c\0sh\0"),
            ("11", "kworker/0:1", ""),
        ];
        for (number, called, command) in processes {
            let process = folder.path().join("proc").join(number);
            fs::create_dir_all(&process).unwrap();
            fs::write(process.join("comm"), format!("{called}\n")).unwrap();
            fs::write(process.join("cmdline"), command).unwrap();
        }
        fs::create_dir_all(folder.path().join("proc/self")).unwrap();
        let mut found = running(folder.path(), &wanted).unwrap();
        found.sort();
        assert_eq!(found, ["Game", "a-name-longer-than-the-system-keeps", "blender"]);
        assert_eq!(running(folder.path(), &[]), Some(Vec::new()));
    }
}
