//! The bytes of tokens, as a tree: tokens that begin alike are followed together, up to where they part.
//!
//! Where little may follow, all of a vocabulary is asked before a token is found. So what was found of a beginning is kept until
//! the next choice.
//!
//! **Invariant:** a token is allowed exactly if the document allows its bytes.

use schema::{Branch, Document};

/// Stands for no place in the tree, and for no way to go on.
const NONE: u32 = u32::MAX;
/// Where every token begins.
const ROOT: u32 = 0;
/// Where the document stands itself, among the places behind it.
const HERE: u32 = 0;
/// What a byte can be.
const BYTES: usize = 256;

/// A token that was asked of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// Its first byte, if it has any.
    pub(super) first: Option<u8>,
    /// Where its last byte is.
    end: u32,
}

/// A byte, behind those that lead to it.
#[derive(Clone, Copy, Debug)]
struct PieceNode {
    byte: u8,
    parent: u32,
    /// One of those behind it, and another one beside it.
    child: u32,
    sibling: u32,
    /// The choice that it was followed for last, and where the document stands behind it then.
    choice: u32,
    branch: u32,
}

/// The tokens that were asked of so far.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    nodes: Vec<PieceNode>,
    /// What stands first, by its byte: there are many of them.
    firsts: [u32; BYTES],
    tokens: Vec<Option<Piece>>,
    /// Which choice it is.
    choice: u32,
    branches: Vec<Branch>,
    /// What is still to be followed of a token.
    due: Vec<u32>,
}

impl Pieces {
    /// None, before the first choice of a document.
    pub(super) fn before(document: &Document) -> Self {
        let root = PieceNode { byte: 0, parent: NONE, child: NONE, sibling: NONE, choice: 0, branch: HERE };
        Self {
            nodes: vec![root],
            firsts: [NONE; BYTES],
            tokens: Vec::new(),
            choice: 0,
            branches: vec![document.branch()],
            due: Vec::new(),
        }
    }

    /// Forgets what was found, as the document stands elsewhere now.
    pub(super) fn begin_choice(&mut self, document: &Document) {
        self.choice += 1;
        self.branches.clear();
        self.branches.push(document.branch());
        let choice = self.choice;
        if let Some(root) = self.nodes.first_mut() {
            (root.choice, root.branch) = (choice, HERE);
        }
    }

    pub(super) fn get(&self, token: u32) -> Option<Piece> {
        self.tokens.get(token as usize).copied().flatten()
    }

    /// Puts the bytes of a token into the tree.
    pub(super) fn keep(&mut self, token: u32, bytes: &[u8]) -> Piece {
        let end = bytes.iter().fold(ROOT, |node, byte| self.behind(node, *byte));
        let piece = Piece { first: bytes.first().copied(), end };
        if self.tokens.len() <= token as usize {
            self.tokens.resize(token as usize + 1, None);
        }
        if let Some(kept) = self.tokens.get_mut(token as usize) {
            *kept = Some(piece);
        }
        piece
    }

    /// Whether a token may follow.
    pub(super) fn allows(&mut self, piece: Piece, document: &Document) -> bool {
        // From its end back to what is known for this choice, which the root always is, and from there on again.
        let mut at = piece.end;
        while let Some(node) = self.nodes.get(at as usize).filter(|node| node.choice != self.choice) {
            self.due.push(at);
            at = node.parent;
        }
        let mut branch = self.nodes.get(at as usize).map_or(NONE, |node| node.branch);
        while let Some(next) = self.due.pop() {
            branch = self.follow(branch, next, document);
        }
        piece.first.is_some() && branch != NONE
    }

    /// Where the document stands behind a byte, which is noted.
    fn follow(&mut self, before: u32, at: u32, document: &Document) -> u32 {
        let Some(node) = self.nodes.get_mut(at as usize) else { return NONE };
        let before = self.branches.get(before as usize);
        let found = before.and_then(|before| document.beyond(before, node.byte));
        let branch = match found {
            Some(found) => {
                self.branches.push(found);
                u32::try_from(self.branches.len() - 1).unwrap_or(NONE)
            }
            None => NONE,
        };
        (node.choice, node.branch) = (self.choice, branch);
        branch
    }

    /// The place of a byte behind another, made if there is none.
    fn behind(&mut self, parent: u32, byte: u8) -> u32 {
        let mut at = if parent == ROOT { self.firsts[usize::from(byte)] } else { self.child(parent) };
        while let Some(node) = self.nodes.get(at as usize) {
            if node.byte == byte {
                return at;
            }
            at = node.sibling;
        }
        // All texts that a run is handed fit into 32 bits, many times.
        let new = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        let sibling = if parent == ROOT { NONE } else { self.child(parent) };
        // Of no choice yet: it was followed for none.
        self.nodes.push(PieceNode { byte, parent, child: NONE, sibling, choice: NONE, branch: NONE });
        match parent {
            ROOT => self.firsts[usize::from(byte)] = new,
            parent => {
                if let Some(parent) = self.nodes.get_mut(parent as usize) {
                    parent.child = new;
                }
            }
        }
        new
    }

    fn child(&self, of: u32) -> u32 {
        self.nodes.get(of as usize).map_or(NONE, |node| node.child)
    }
}
