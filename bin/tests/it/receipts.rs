//! Receipts of real jobs, judged by a process that has nothing but the file.
