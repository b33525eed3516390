// What Python hands to the kernel; spec_builder/inference/compiled.py has the same fields in the same order.
#pragma once
#include <atomic>
#include <cstdint>

// Raised with every change of these structures or of what they mean: a library of another version is refused.
const int64_t LAYOUT = 5;

// Numbers that may differ from row to row: number i of row r is data[i * step + r * row]; row = 0 where all share them.
struct Column {
  const double *data;
  int64_t step, row;
};

// Rates nu_b = sum over groups of template_b x amplitude x bin-by-bin parameters; an amplitude is a sum of terms,
// coefficient x factors. Arrays "..._at" say where things begin in another array, with one entry more than things.
struct Model {
  int64_t parameters, free, bins, factors, groups, slopes, bends, blocks, normals, poissons, columns, vector_groups, affine, sums, parcels;
  // free parameters: index, bounds, 2 / variance of a normal constraint, first and before last of the bins that feel it
  const int32_t *free_parameter;
  const double *lower, *upper, *stiffness;
  const int32_t *free_first, *free_last;
  // factors: kind, parameter, the 8 numbers of a normsys (ln high, ln low, six coefficients), column of a row's own or -1
  const int32_t *factor_kind, *factor_parameter;
  const double *factor_numbers;
  const int32_t *factor_column;
  // terms of groups, slopes and bends; factors of each term
  const double *coefficient;
  const int32_t *term_at, *term_factors, *group_terms_at, *slope_terms_at, *bend_terms_at;
  // groups: bins, kind of the template (numbers, parts of a row's own events, with bin-by-bin parameters) and where it
  // begins; where the row's own events begin; slopes
  const int32_t *group_first, *group_last, *group_kind, *group_begin, *group_own, *group_slopes_at;
  const double *numbers, *relative;
  // columns of a row's own events: which, bins, where they begin
  const int32_t *own_column, *own_first, *own_last, *own_begin;
  // groups with bin-by-bin parameters: which; where the template begins, among the parts of a row's own events or the
  // numbers; where the product begins; which vectors. Vectors: parameter of each bin and its place among the free, or -1
  const int32_t *vector_group, *vector_own, *vector_template, *scaled_begin, *vectors_at, *vectors;
  const int32_t *vector_parameter, *vector_free;
  // slopes dA/df of a group by factor f of a free parameter, in order of group; whether f'' is not zero. Bends d2A/df df'
  const int32_t *slope_group, *slope_free, *slope_factor, *slope_bends;
  const int32_t *bend_group, *bend_row, *bend_column, *bend_factor, *bend_other;
  // pairs of free parameters that share bins, in blocks of 1 or 2 rows and up to 4 columns: first row, rows, first column,
  // columns, bins
  const int32_t *block_row, *block_rows, *block_column, *block_size, *block_first, *block_last;
  // rows of each column of the Hessian's factor, below its diagonal, that are not zero
  const int32_t *column_at, *column_rows;
  // up to four groups of the same bins, kind and column; up to four slopes of one parameter whose groups are of the same
  const int32_t *sum_size, *sum_groups, *parcel_size, *parcel_slopes;
  // constraints: parameter, its place among the free or -1, place among the auxiliary data; 1 / variance, mean / parameter
  const int32_t *normal_parameter, *normal_free, *normal_datum;
  const double *normal_weight;
  const int32_t *poisson_parameter, *poisson_free, *poisson_datum;
  const double *poisson_scale;
};

struct Rows {
  std::atomic<int64_t> *next;  // row that no thread has taken yet
  int64_t count;
  int64_t stride;              // parameter i of row r is theta[i * stride + r]
  int64_t evaluations;         // allowed for each row
  Column observed, barrier;    // counts, and the least that they are taken for while a minimum is sought (bins)
  Column auxiliary;            // data of the constraints
  const Column *columns;       // a row's own: events (bins), numbers of a normsys (8)
};

struct Result {
  double *theta;        // start, then minimum
  double *value, *edm;  // 2NLL without constants; estimated distance to the minimum
  int64_t *reason;
};

enum Reason : int64_t { VALID = 0, ROUNDED = 2, UNFINISHED = 3 };
