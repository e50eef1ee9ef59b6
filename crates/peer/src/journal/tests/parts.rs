//! Journals of several parts: what is read across them, what goes, and what a power cut leaves where one part ends.

use super::*;

/// What is known once so many records were written in full parts.
fn base(journal: &Journal, sealed: u64) -> Base {
    journal.reader().base_at(sealed, 0).unwrap().unwrap().0
}

/// A journal of three full parts and one record; every second one is an entry.
fn long(world: &World) -> Journal {
    let journal = world.open().unwrap();
    for index in 0..3 * PART_RECORDS {
        let record = (index as u32).to_le_bytes().to_vec();
        let appended = if index % 2 == 0 { journal.append_entry(record) } else { journal.append(record) };
        if (index + 1) % PART_RECORDS == 0 {
            wait(&journal, appended.unwrap()).unwrap();
        }
    }
    wait(&journal, journal.append(b"last".to_vec()).unwrap()).unwrap();
    journal
}

#[test]
fn records_and_entries_are_found_across_parts_by_any_life() {
    let world = World::with(&[]);
    let journal = long(&world);
    let all = 3 * PART_RECORDS + 1;
    assert_eq!(*journal.reader().sealed().borrow(), 3 * PART_RECORDS);
    for first in [1, PART_RECORDS, PART_RECORDS + 1, 3 * PART_RECORDS, all] {
        let read: Vec<u64> = journal.records(first).map(|read| read.unwrap().0).collect();
        assert_eq!(read, (first..=all).collect::<Vec<_>>());
    }
    for first in [0, 1, PART_RECORDS / 2 - 1, PART_RECORDS / 2, 3 * PART_RECORDS / 2 - 1] {
        let read: Vec<u64> = journal.entries(first).map(|read| read.unwrap().0).collect();
        assert_eq!(read, (first..3 * PART_RECORDS / 2).map(|entry| 2 * entry + 1).collect::<Vec<_>>());
    }
    journal.close().unwrap();
    let again = world.open().unwrap();
    assert_eq!((records(&again).len() as u64, again.entries(0).count() as u64), (all, 3 * PART_RECORDS / 2));
}

#[test]
fn what_a_snapshot_stands_for_can_go_and_is_not_read_again() {
    let world = World::with(&[]);
    let journal = long(&world);
    let known = base(&journal, 2 * PART_RECORDS);
    journal.reader().forget(PART_RECORDS).unwrap();
    assert_eq!(journal.reader().first(), PART_RECORDS + 1);
    journal.close().unwrap();
    assert!(
        matches!(world.open(), Err(OpenError::NoBeginning { first, known: 0 }) if first == PART_RECORDS + 1)
    );
    let second = PartPlace { first: PART_RECORDS + 1, entries: PART_RECORDS / 2 }.path(&world.journal());
    let mut damaged = fs::read(&second).unwrap();
    damaged[500] ^= 1;
    fs::write(&second, damaged).unwrap();
    let reopen = |base: &Base| Journal::open(&HomeDisk::default(), &world.journal(), OWNER, base);
    let behind: Vec<u64> =
        reopen(&known).unwrap().records(known.records + 1).map(|read| read.unwrap().0).collect();
    assert_eq!(behind, (known.records + 1..=3 * PART_RECORDS + 1).collect::<Vec<_>>());
    let elsewhere = Base { digest: Digest([3; 32]), ..known };
    assert!(
        matches!(reopen(&elsewhere), Err(OpenError::Damaged { offset: 0, .. })),
        "a snapshot of another journal"
    );
    let ahead = Base { records: 9 * PART_RECORDS, ..known };
    assert!(
        matches!(reopen(&ahead), Err(OpenError::LostTail { present, .. }) if present == 3 * PART_RECORDS + 1)
    );
}

#[test]
fn a_power_loss_where_one_part_ends_and_the_next_begins_takes_nothing_that_was_acknowledged() {
    let (world, begun) = (World::with(&[]), PART_RECORDS - 2);
    let filling = world.open().unwrap();
    for index in 0..begun {
        filling.append(record(index as usize)).unwrap();
    }
    filling.close().unwrap();
    let (whole, mut parts) = (world.bytes(), 0);
    for at in 1.. {
        let mut struck = false;
        for seed in 0..4 {
            let ((brittle, disk), folder) = (Brittle::new(), tempfile::tempdir().unwrap());
            let path = folder.path().join("journal");
            fs::create_dir(&path).unwrap();
            fs::write(PartPlace { first: 1, entries: 0 }.path(&path), &whole).unwrap();
            brittle.order(at, Trouble::Power);
            let acknowledged = one_by_one(&disk, &path, begun, 6);
            struck |= brittle.has_struck();
            brittle.forget(&mut Lot(seed));
            let journal = open(&HomeDisk::default(), &path, OWNER).unwrap();
            let read = records(&journal);
            assert!(read.len() as u64 >= acknowledged, "cut {at}: {} of {acknowledged}", read.len());
            assert_eq!(read, (0..read.len()).map(record).collect::<Vec<_>>(), "cut {at}");
            parts = parts.max(PartPlace::list(&path).unwrap().len());
        }
        if !struck {
            break;
        }
    }
    assert_eq!(parts, 2);
}

/// Adds so many records behind those that are there, and says up to which they were acknowledged.
fn one_by_one(disk: &HomeDisk, path: &Path, begun: u64, count: u64) -> u64 {
    let Ok(journal) = open(disk, path, OWNER) else { return begun };
    let acknowledged = (begun..begun + count).map_while(|index| {
        let sequence = journal.append(record(index as usize)).ok()?;
        wait(&journal, sequence).ok().map(|()| sequence)
    });
    acknowledged.last().unwrap_or(begun)
}

#[test]
fn a_part_that_is_missing_is_refused() {
    let world = World::with(&[]);
    long(&world).close().unwrap();
    let second = PartPlace { first: PART_RECORDS + 1, entries: PART_RECORDS / 2 }.path(&world.journal());
    fs::remove_file(second).unwrap();
    assert!(matches!(world.open(), Err(OpenError::Damaged { part: 1, .. })));
    let aside = Journal::cut_damage(&HomeDisk::default(), &world.journal(), OWNER, &Base::default())
        .unwrap()
        .unwrap();
    assert_eq!(fs::read_dir(aside).unwrap().count(), 3);
    assert_eq!(records(&world.open().unwrap()).len() as u64, PART_RECORDS);
}

#[test]
fn what_was_cut_off_stays_whatever_fails_meanwhile_and_is_not_written_over() {
    for at in 1.. {
        let (world, (brittle, disk)) = (World::with(&[]), Brittle::new());
        long(&world).close().unwrap();
        let (path, mut flipped) = (world.path(), world.bytes());
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        fs::write(&path, &flipped).unwrap();
        let Err(OpenError::Damaged { part: 1, offset }) = world.open() else { panic!("it is damaged") };
        let cut = || Journal::cut_damage(&disk, &world.journal(), OWNER, &Base::default());
        brittle.order(at, Trouble::Fault);
        let first = cut();
        let has_struck = brittle.has_struck();
        assert_eq!(first.is_err(), has_struck, "change {at}");
        brittle.mend();
        cut().unwrap();
        assert!(world.open().is_ok(), "change {at}");
        let beside = fs::read_dir(world.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let is_kept = beside.filter(|place| *place != world.journal()).any(|aside| {
            let kept = fs::read(aside.join(path.file_name().unwrap()));
            kept.is_ok_and(|kept| kept == flipped[offset as usize..])
        });
        assert!(is_kept, "change {at}");
        if !has_struck {
            break;
        }
    }
}

/// Parts of a notary that has closed a million jobs, at a dozen entries each.
const MANY_PARTS: u64 = 12_000;

#[test]
fn a_journal_of_any_length_opens_by_its_last_parts() {
    let world = World::with(&[]);
    let journal = long(&world);
    let known = base(&journal, 3 * PART_RECORDS);
    journal.close().unwrap();
    // All that is read of an older part is its name.
    let (last, far) = (world.scan().header, MANY_PARTS * PART_RECORDS);
    fs::remove_dir_all(world.journal()).unwrap();
    fs::create_dir(world.journal()).unwrap();
    for part in 0..MANY_PARTS {
        let place = PartPlace { first: part * PART_RECORDS + 1, entries: part * PART_RECORDS };
        fs::write(place.path(&world.journal()), b"unread").unwrap();
    }
    let place = PartPlace { first: far + 1, entries: far };
    let header = last.next(place, known.digest);
    fs::write(place.path(&world.journal()), header.encode()).unwrap();
    let begun = std::time::Instant::now();
    let base = Base { records: far, entries: far, digest: known.digest };
    let journal = Journal::open(&HomeDisk::default(), &world.journal(), OWNER, &base).unwrap();
    let opened = begun.elapsed();
    println!("{MANY_PARTS} parts are open after {opened:?}");
    // Of what is read of older parts nothing would open; this is how long a busy machine may take to list them.
    assert!(opened < Duration::from_secs(60), "{opened:?}");
    assert_eq!(*journal.durable().borrow(), Ok(far));
}
