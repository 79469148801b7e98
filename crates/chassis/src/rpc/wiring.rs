//! Which roles this process holds. Filled once all of them are built, emptied when the process stops.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::GrpcService;
use crate::Role;

/// A role of this process, behind its server stacks.
#[derive(Clone)]
pub(crate) struct LocalRole {
    pub grpc: GrpcService,
    /// Present when the role consumes events.
    pub intake: Option<GrpcService>,
    pub http: axum::Router,
}

/// The roles of this process. Services hold clients and clients hold this, so it is cut when the process stops: else
/// they would keep each other, and their databases, alive.
#[derive(Default)]
pub(crate) struct Wiring {
    local: RwLock<HashMap<Role, LocalRole>>,
}

impl Wiring {
    pub fn connect(&self, roles: HashMap<Role, LocalRole>) {
        *self.local.write().unwrap_or_else(PoisonError::into_inner) = roles;
    }

    pub fn cut(&self) {
        self.connect(HashMap::new());
    }

    pub fn find<T>(&self, role: Role, of: impl FnOnce(&LocalRole) -> T) -> Option<T> {
        self.local
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&role)
            .map(of)
    }
}
