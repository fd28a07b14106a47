#pragma once
#include "distributed/communicator.h"
#include "model/model.h"

namespace trm {

/// The first rank's weights and puzzle table, on all.
void share_weights(Model& model, Communicator& communicator);

/// Throws DistributedError naming the ranks and the parameter where a weight has not the same bits on all.
void require_equal_weights(const Model& model, Communicator& communicator);

}  // namespace trm
